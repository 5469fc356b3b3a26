"""What stream and lake use when nothing runs beside them: `python -m bench.alone WORKSPACE` takes all that its log
holds into the state, then into the lake, as their workers do, and prints the CPU seconds of each as JSON.

Two threads that share one core's parts each take longer than alone: beside each other the same work costs up to half as
much again.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from ariane.arrow import load_arrow
from ariane.processes import columnar, stream
from ariane.processes.supervisor import LARGE_PAGES
from ariane.processes.worker import keep_memory
from ariane.store import Stores


class Alone(msgspec.Struct, frozen=True):
    """CPU seconds."""

    stream_s: float
    lake_s: float


def run(workspace: Path) -> Alone:
    """Measured in a process of its own."""
    command = [sys.executable, "-m", "bench.alone", str(workspace)]
    here = Path(__file__).resolve().parent.parent
    environment = LARGE_PAGES | os.environ  # as workers have it
    done = subprocess.run(command, capture_output=True, text=True, cwd=here, check=True, env=environment)
    return msgspec.json.decode(done.stdout, type=Alone)


def measure(workspace: Path) -> Alone:
    """Measured here."""
    gc.disable()
    keep_memory()
    load_arrow(pool="system")
    stores = Stores(workspace)
    began = time.process_time()
    stream.run(stores)
    between = time.process_time()
    columnar.step(stores)
    columnar.tidy(stores)
    stores.lake.secure()
    ended = time.process_time()
    stores.close()
    return Alone(between - began, ended - between)


if __name__ == "__main__":
    print(json.dumps(msgspec.to_builtins(measure(Path(sys.argv[1])))))
