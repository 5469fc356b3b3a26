"""Start-up of the command line: what everybody waits for at every command."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.row import Row

BOUND_S = 0.3


def run() -> list[Row]:
    """`ariane --help` beside a Python that does nothing, the median of 15 starts each after one to warm up."""
    command = Path(sys.executable).with_name("ariane")
    if not command.exists():
        return []
    bare, helped = _median_s([sys.executable, "-c", ""]), _median_s([str(command), "--help"])
    return [
        Row("ariane --help", helped, "s", "python -c ''", helped / bare, f"≤ {BOUND_S} s", helped <= BOUND_S),
        Row("python -c ''", bare, "s"),
    ]


def _median_s(command: list[str]) -> float:
    taken = []
    for _ in range(16):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[1:])
