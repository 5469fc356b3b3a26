"""The journey map on a large lake (`workspace.journeys.map()`: persons, emotion, touchpoints, waits and drop-off of
every step of the demo's journey, consent applied), beside one scan: DuckDB taking the minimum of each column that the
map reads, from the same files. Each in a process of its own, one run to warm up and the median of up to three after
it, as many as begin within 90 s; nothing is held in memory between runs. `ARIANE_BENCH_EVENTS` sets the number of
events.

The crowd has the demo town's events, channels, shares and properties over 120 days, two identifiers a person, 4 %
who refuse to be measured and 1 % programs; columns no analysis reads (raw JSON) are left empty. Checked: persons and
events counted by the map are those the generator knows of.

Seconds are of a machine that others may be using; the ratio of CPU is the one to compare.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from ariane import settings
from ariane.demo import journey_toml
from ariane.store import Lake
from bench import crowd
from bench.asking import Asked
from bench.row import Row

HERE = Path(__file__).resolve().parent
SCRATCH = HERE.parent / ".cache" / "bench"
EVENTS = int(os.environ.get("ARIANE_BENCH_EVENTS", "20000000"))
EVENTS_EACH = 28


def run() -> list[Row]:
    """The map and the scan, in wall seconds, CPU seconds and memory."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        workspace = Path(folder) / "workspace"
        settings.create(workspace, "Bench")
        (workspace / "journey.toml").write_text(journey_toml(), encoding="utf-8")
        lake = Lake(workspace / "lake")
        true = crowd.write(lake, EVENTS, max(1, EVENTS // EVENTS_EACH))
        scan, drawn = _ask("scan", workspace), _ask("map", workspace)
        size = f"{true.n_events:,} events of {true.n_persons:,} persons, {lake.size_bytes('events') / 1e6:,.0f} MB"
    assert scan.n_events == true.n_events, f"{scan.n_events:,} rows scanned of {true.n_events:,}"
    counted, known = (drawn.n_persons, drawn.n_events), (true.n_touching, true.n_readable)
    assert counted == known, f"the map counts {counted}, the generator {known}"
    against = "one scan of its columns"
    return [
        Row(
            "journey map", drawn.seconds, "s", against, drawn.seconds / scan.seconds,
            note=f"{size}; {drawn.n_events:,} events and {drawn.n_persons:,} persons on the map; "
            f"{drawn.load}",
        ),
        Row("journey map: CPU", drawn.cpu_s, "s", against, drawn.cpu_s / scan.cpu_s),
        Row("journey map: peak memory", drawn.peak_mb, "MB", against, drawn.peak_mb / scan.peak_mb),
        Row("one scan of its columns", scan.seconds, "s", note=f"{scan.cpu_s:.2f} s of CPU; {scan.load}"),
    ]  # fmt: skip


def _ask(what: str, workspace: Path) -> Asked:
    command = [sys.executable, "-m", "bench.asking", what, str(workspace)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parent)
    if done.returncode:
        raise RuntimeError(done.stderr[-4000:])
    return msgspec.json.decode(done.stdout, type=Asked)
