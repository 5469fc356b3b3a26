"""`python -m bench.asking WHAT WORKSPACE`: asks a workspace in a process of its own and prints what it took as JSON."""

from __future__ import annotations

import os
import resource
import statistics
import sys
import time
from collections.abc import Callable

import msgspec

import ariane
from ariane.workspace import Workspace

COLUMNS = (
    "subject_key", "is_bot", "event", "channel", "occurred_us", "event_id",
    "prop_kind", "prop_score", "prop_question", "prop_comment", "prop_about", "prop_step", "prop_late_days",
    "prop_wait_s", "prop_resolved",
)  # fmt: skip
"""The columns the map's queries read."""
RUNS, LONGEST_S = 3, 90.0


class Asked(msgspec.Struct, frozen=True):
    """One question: median seconds, CPU seconds of all threads, what it counted; `load` is what else was running."""

    seconds: float
    cpu_s: float
    peak_mb: float
    load: str
    n_events: int
    n_persons: int = 0


def scan(workspace: Workspace) -> tuple[int, int]:
    columns = ", ".join(f'min("{column}")' for column in COLUMNS)
    rows = workspace.duck.sql(f"SELECT count(*) AS n, {columns} FROM events")
    return int(rows.column("n")[0].as_py()), 0


def draw(workspace: Workspace) -> tuple[int, int]:
    drawn = workspace.journeys.map()
    return drawn.n_events, drawn.n_persons


def ask(question: Callable[[Workspace], tuple[int, int]], path: str) -> Asked:
    """Ask once to warm up, then `RUNS` times, or as often as begins within `LONGEST_S`."""
    with ariane.open(path) as workspace:
        counted, until = question(workspace), time.monotonic() + LONGEST_S
        seconds: list[float] = []
        used: list[float] = []
        while not seconds or (len(seconds) < RUNS and time.monotonic() < until):
            began, worked = time.perf_counter(), time.process_time()
            counted = question(workspace)
            seconds.append(time.perf_counter() - began)
            used.append(time.process_time() - worked)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    load = f"{os.getloadavg()[0]:.1f} processes running meanwhile"
    return Asked(statistics.median(seconds), statistics.median(used), peak, load, *counted)


if __name__ == "__main__":
    print(msgspec.json.encode(ask({"scan": scan, "map": draw}[sys.argv[1]], sys.argv[2])).decode())
