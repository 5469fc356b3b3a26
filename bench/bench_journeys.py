"""Sessions (30 minutes without an event end one) and the transition graph of 2 M events, 80,000 persons and 30 event
names, beside retentioneering, installed in an environment of its own (`.cache/bench/retentioneering`). The same events
lie in a lake and in a Parquet file for pandas; each side runs in a process of its own, imports not counted.

The graph is every transition's count, persons, and median and 95th percentile of the time between. Ours reads the
lake at each question, ties identifiers to persons and leaves out who refuses (here nobody); its load is opening the
workspace. Ours gives all four figures of a transition at once, retentioneering is asked for each; a row tells what is
left of the difference when it is asked for counts alone. Ours gives a row a session, retentioneering a row an event
with its session's number. Checked: the number of sessions, and the count of every transition, are equal.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ariane import settings
from ariane.model import DAY, MINUTE, SECOND, key_of
from ariane.store import Lake, schema_of
from bench.row import Row

HERE = Path(__file__).resolve().parent
SCRATCH = HERE.parent / ".cache" / "bench"
PEER = "retentioneering==5.2.4"
QUIET = {"RETENTIONEERING_NO_TRACK": "1", "DO_NOT_TRACK": "1"}
EVENTS = int(os.environ.get("ARIANE_BENCH_JOURNEY_EVENTS", "2000000"))
EVENTS_EACH, NAMES, DAYS = 25, 30, 60


class Outcome(msgspec.Struct, frozen=True):
    """What one side took, in (wall, CPU) seconds a part, and found."""

    taken: dict[str, tuple[float, float]]
    n_sessions: int
    version: str
    counts: float = 0.0

    def wall_s(self) -> float:
        return sum(wall for wall, _ in self.taken.values())

    def cpu_s(self) -> float:
        return sum(cpu for _, cpu in self.taken.values())


def run() -> list[Row]:
    """Load, sessions and graph, in wall and CPU seconds; nothing when retentioneering cannot be installed."""
    python = _environment()
    if python is None:
        return []
    with tempfile.TemporaryDirectory(dir=SCRATCH) as scratch:
        folder = Path(scratch)
        _write(folder)
        peers = [str(python), str(HERE / "peer.py"), str(folder / "events.parquet"), str(folder / "peer.json")]
        ours = [sys.executable, "-m", "bench.ours", str(folder / "workspace"), str(folder / "ours.json")]
        peer, own = _outcome(peers), _outcome(ours)
        found, expected = (json.loads((folder / f"{side}.json").read_text()) for side in ("ours", "peer"))
    assert own.n_sessions == peer.n_sessions, f"{own.n_sessions:,} sessions, {peer.n_sessions:,} by {PEER}"
    assert found == expected, "transitions are counted otherwise"
    return _rows(own, peer, found)


def _rows(own: Outcome, peer: Outcome, edges: Mapping[str, int]) -> list[Row]:
    against = f"retentioneering {peer.version}"
    checked = f"{own.n_sessions:,} sessions and {sum(edges.values()):,} transitions of {len(edges)} kinds, equal"
    ratio = peer.cpu_s() / own.cpu_s()
    rows = [
        Row(
            "load + sessions + graph: CPU", own.cpu_s(), "s", f"{against}: {peer.cpu_s():.2f} s", ratio,
            "≥ 3", ratio >= 3, note=f"{EVENTS:,} events; {checked}; the ratio is how many times more the other takes",
        ),
        Row(
            "load + sessions + graph", own.wall_s(), "s", f"{against}: {peer.wall_s():.2f} s",
            peer.wall_s() / own.wall_s(),
        ),
    ]  # fmt: skip
    counts_only = peer.cpu_s() - peer.taken["graph"][1] + peer.counts
    shown = f"{against}, counts alone: {counts_only:.2f} s"
    rows.append(Row("the same, its graph of counts alone: CPU", own.cpu_s(), "s", shown, counts_only / own.cpu_s()))
    for part, (wall, cpu) in own.taken.items():
        other_wall, other_cpu = peer.taken[part]
        shown = f"{against}: {other_cpu:.2f} s"
        note = f"{wall:.2f} s of wall against {other_wall:.2f} s"
        if part == "graph":
            note += f"; of retentioneering's CPU {peer.counts:.2f} s are for the counts alone"
        rows.append(Row(f"{part}: CPU", cpu, "s", shown, other_cpu / cpu, note=note))
    return rows


def _environment() -> Path | None:
    """The Python of retentioneering's environment, made when it is missing."""
    folder = SCRATCH / "retentioneering"
    python = folder / "bin" / "python"
    mark = folder / ".installed"
    if mark.exists() and mark.read_text() == PEER:
        return python
    SCRATCH.mkdir(parents=True, exist_ok=True)
    install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", PEER]
    for command in ([sys.executable, "-m", "venv", "--clear", str(folder)], install):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(f"  {PEER} cannot be installed here: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
            return None
    mark.write_text(PEER)
    return python


def _outcome(command: Sequence[str]) -> Outcome:
    environment = os.environ | QUIET
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parent, env=environment)
    if done.returncode:
        raise RuntimeError(done.stderr[-4000:])
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Outcome)


def _write(folder: Path) -> None:
    """The same events as a workspace and as a file: person, event name and instant; no two at one instant."""
    rng = np.random.default_rng(7)
    n_persons = max(1, EVENTS // EVENTS_EACH)
    person = np.sort(rng.integers(n_persons, size=EVENTS))
    weights = 1.0 / np.arange(1, NAMES + 1) ** 0.8
    name = rng.choice(NAMES, size=EVENTS, p=weights / weights.sum())
    near, far = rng.integers(SECOND, 20 * MINUTE, EVENTS), rng.integers(40 * MINUTE, 3 * DAY, EVENTS)
    gap = np.where(rng.random(EVENTS) < 0.7, near, far) // SECOND * SECOND
    clock = np.cumsum(gap)
    first = np.flatnonzero(np.r_[True, person[1:] != person[:-1]])
    lived = np.diff(np.r_[first, EVENTS])
    began = (date(2026, 3, 1) - date(1970, 1, 1)).days * DAY + rng.integers(
        0, DAYS * DAY // SECOND, len(first)
    ) * SECOND
    occurred = clock - np.repeat(clock[first] - began, lived)
    _write_lake(folder / "workspace", person, name, occurred)
    named = pa.array(NAMES_OF).take(pa.array(name))
    when = pa.array(occurred, pa.timestamp("us"))
    pq.write_table(pa.table({"person_id": person, "event": named, "timestamp": when}), folder / "events.parquet")


NAMES_OF = [f"event_{number:02d}" for number in range(NAMES)]


def _write_lake(path: Path, person: NDArray[np.int64], name: NDArray[np.int64], occurred: NDArray[np.int64]) -> None:
    settings.create(path, "Bench")
    steps = (f'[[steps]]\nkey = "{one}"\nstage = "conversion"\nevents = ["{one}"]\n' for one in NAMES_OF)
    (path / "journey.toml").write_text(f'name = "All"\ngoal = "{NAMES_OF[0]}"\n' + "\n".join(steps), encoding="utf-8")
    n_persons = int(person.max()) + 1
    keys = np.array([key_of("user_id", str(number)) for number in range(n_persons)])
    columns = {
        "event_id": pa.array([f"{number:024x}" for number in range(EVENTS)]),
        "event": pa.array(NAMES_OF).take(pa.array(name)),
        "channel": pa.repeat("web", EVENTS),
        "occurred_us": pa.array(occurred),
        "received_us": pa.array(occurred),
        "event_on": pa.array((occurred // DAY).astype(np.int32)).cast(pa.date32()),
        "subject_key": pa.array(keys[person]),
        "is_bot": pa.repeat(False, EVENTS),
    }
    schema = schema_of("events")
    arrays = [columns.get(field.name, pa.nulls(EVENTS, field.type)) for field in schema]
    events = pa.Table.from_arrays(arrays, schema=schema).sort_by(
        [("event_on", "ascending"), ("subject_key", "ascending"), ("occurred_us", "ascending")]
    )
    lake = Lake(path / "lake")
    lake.append("events", events, partition_by=["event_on"])
    persons = pa.array([str(number) for number in range(n_persons)])
    lake.replace(
        "identifiers",
        pa.Table.from_arrays(
            [pa.array(keys), pa.repeat("user_id", n_persons), persons, persons, pa.repeat("live", n_persons)],
            schema=schema_of("identifiers"),
        ),
    )
