"""Start-up of the command line, which everybody waits for at every command, and of the demo: the town built through
HTTP until every event is in the lake and the summary is printed, the console not left running."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.row import Row

BOUND_S = 0.3
PERSONS = 500
SCRATCH = Path(__file__).resolve().parent.parent / ".cache" / "bench"


def run() -> list[Row]:
    """`ariane --help` beside a Python that does nothing, the median of 15 starts each after one to warm up."""
    command = Path(sys.executable).with_name("ariane")
    if not command.exists():
        return []
    bare, helped = _median_s([sys.executable, "-c", ""]), _median_s([str(command), "--help"])
    built = _demo_s(command)
    return [
        Row("ariane --help", helped, "s", "python -c ''", helped / bare, f"≤ {BOUND_S} s", helped <= BOUND_S),
        Row("python -c ''", bare, "s"),
        Row(f"ariane demo --persons {PERSONS} --no-serve", built, "s", "ariane --help", built / helped),
    ]


def _demo_s(command: Path) -> float:
    """Once: it takes long, and leaves nothing behind."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        asked = [str(command), "demo", "--persons", str(PERSONS), "--no-serve", "--dir", f"{folder}/town"]
        began = time.perf_counter()
        subprocess.run(asked, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.perf_counter() - began


def _median_s(command: list[str]) -> float:
    taken = []
    for _ in range(16):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[1:])
