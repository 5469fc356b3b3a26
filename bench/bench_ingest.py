"""Events taken over HTTP. The events are those of the demo town (about 460 bytes of JSON each, consent included),
encoded beforehand; the client is a process of its own on the same cores and sends batches over 32 connections, single
events over 128. An event counts when it was answered with 200, which happens after fdatasync.

Accepted: the collector alone, of one worker and of two; the same events are sent several times over, since the log
keeps them all.
End to end: collector, stream and lake run; the clock stops when every event is on disk, de-duplicated, tied to its
person and in the lake, with the persons. Checked: records in the log, rows in the lake, are the events sent.

Microseconds of CPU per event are the figure to compare, summed over the processes named and the workers they start
(the client's are not in them). Processes that run at the same time on two threads of one core slow each other, so the
path is also measured one process after the other. Of three rounds of each the one that used the least is given, and of
three rounds of lone events, and of syncs, the quickest: whoever else is on the host can only add.
"""

from __future__ import annotations

import os
import socket
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ariane import settings
from ariane.demo import Town
from ariane.processes import Serving, settle
from ariane.store import Stores
from bench import alone
from bench.cpu import cpu_s
from bench.load import Sent, encode
from bench.load import run as send
from bench.machine import LIGHT, fsync_ms, fsyncs_per_s
from bench.row import Row

SCRATCH = Path(__file__).resolve().parent.parent / ".cache" / "bench"
PERSONS = int(os.environ.get("ARIANE_BENCH_PERSONS", "3000"))
IN_BATCH = 100
ROUNDS = 3
"""How often the whole path is run, and events are sent one by one."""
SENDERS = 32
"""Connections that send batches, each its next one when the one before is answered."""
WANTED = {2: 200_000}
"""Batched events a second that the machine's two cores must take: with a worker for each."""
TIMES = 3
"""How often the town is sent to the collector alone, in batches."""


class Batch(msgspec.Struct):
    batch: list[msgspec.Raw]


class Kind(msgspec.Struct):
    type: str


def run() -> list[Row]:
    """Batches, single events, and end to end."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    events = [event for chunk in Town(seed=1, n_persons=PERSONS).batches() for event in _events(chunk)]
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        whole = [_end_to_end(Path(folder) / f"whole-{n}", events) for n in range(ROUNDS)]
        alone = [_alone(Path(folder) / f"alone-{n}", events) for n in range(ROUNDS)]
        return _accepted(Path(folder), events) + min(whole, key=_used) + min(alone, key=_used)


def _slowest(sent: Sent) -> float:
    return sent.p99_ms


def _used(rows: Sequence[Row]) -> float:
    return rows[0].value


def _events(chunk: Sequence[bytes]) -> list[bytes]:
    return [bytes(event) for body in chunk for event in msgspec.json.decode(body, type=Batch).batch]


def _accepted(folder: Path, events: list[bytes]) -> list[Row]:
    rows: list[Row] = []
    for workers in (1, 2):
        rows += _accepted_by(workers, folder / f"accepted-{workers}", events)
    return rows


def _accepted_by(workers: int, folder: Path, events: list[bytes]) -> list[Row]:
    """What a collector of so many workers takes, in batches and one by one, and how soon it answers one alone."""
    os.environ["ARIANE_COLLECTOR_WORKERS"] = str(workers)
    workspace, key = _workspace(folder)
    serving = Serving(workspace, "127.0.0.1", _free_port(), roles=("collector",))
    serving.start()
    try:
        collector = serving.workers.children["collector"].pid
        singles, batches = _singles(events, key), _batches(events, key)
        _send(folder, serving, batches[:100], connections=4)  # to warm up
        synced = fsyncs_per_s(folder)
        rounds = [(fsync_ms(folder), _send(folder, serving, singles[:LIGHT], connections=1)) for _ in range(ROUNDS)]
        (usual_ms, one_ms), alone = min(one for one, _ in rounds), min((one for _, one in rounds), key=_slowest)
        before = cpu_s(collector)
        many = _send(folder, serving, batches, connections=SENDERS, times=TIMES)
        between = cpu_s(collector)
        few = _send(folder, serving, singles, connections=128)
        after = cpu_s(collector)
    finally:
        serving.stop()
        del os.environ["ARIANE_COLLECTOR_WORKERS"]
    n_many, n_few = TIMES * len(events), len(singles)
    held, sent = (
        _records(workspace),
        n_many + n_few + min(len(events), 100 * IN_BATCH) + ROUNDS * min(len(events), LIGHT),
    )
    assert held == sent, f"{held:,} records in the log for {sent:,} events acknowledged"
    by = f"{workers} worker{'s' if workers > 1 else ''}"
    rows = [
        *_rows(
            f"accepted, batches of {IN_BATCH}, {by}", many, n_many, between - before, synced, WANTED.get(workers, 0)
        ),
        *_rows(f"accepted, one event a request, {by}", few, n_few, after - between, synced, 15_000),
    ]
    if workers == 1:
        note = f"median {alone.p50_ms:.2f} ms; {LIGHT:,} events, one after the other, from a client that polls"
        against = f"one record of 600 bytes made durable, one by one: {usual_ms:.2f} ms (median; 99 %: {one_ms:.2f})"
        rows.append(
            Row(
                "answered, nothing else coming in: 99 %", alone.p99_ms, "ms", against, alone.p99_ms / usual_ms,
                "at most 4 times", alone.p99_ms <= 4 * usual_ms, note,
            )
        )  # fmt: skip
    return rows


def _rows(what: str, sent: Sent, n: int, cpu: float, synced: float, bound: int) -> list[Row]:
    note = (
        f"answers in {sent.p50_ms:.1f} ms (median), {sent.p99_ms:.1f} ms (99 %); {n:,} events in {sent.seconds:.1f} s; "
        f"the client used {1e6 * sent.cpu_s / n:.1f} µs of CPU per event beside them"
    )
    rate = n / sent.seconds
    against = f"{synced:,.0f} appends of 4 KiB made durable a second"
    return [
        Row(
            what,
            rate,
            "events/s",
            against,
            rate / synced,
            f"at least {bound:,}" if bound else "",
            rate >= bound if bound else None,
            note,
        ),
        Row(f"{what}: CPU of the collector", 1e6 * cpu / n, "µs/event"),
    ]


def _end_to_end(folder: Path, events: list[bytes]) -> list[Row]:
    folder.mkdir()
    workspace, key = _workspace(folder / "whole")
    roles = ("stream", "lake", "collector")
    serving = Serving(workspace, "127.0.0.1", _free_port(), roles=roles)
    serving.start()
    try:
        time.sleep(3.0)  # stream and lake have loaded what they need, which no event paid for
        pids = {role: serving.workers.children[role].pid for role in roles}
        before = {role: cpu_s(pid) for role, pid in pids.items()}
        began = time.perf_counter()
        sent = _send(folder, serving, _batches(events, key), connections=SENDERS)
        stores = Stores(workspace)
        settle(stores)
        seconds = time.perf_counter() - began
        used = {role: cpu_s(pid) - before[role] for role, pid in pids.items()}
        rows = stores.lake.n_rows("events")
        stores.close()
    finally:
        serving.stop()
    n = len(events)
    assert rows == n, f"{rows:,} rows in the lake for {n:,} events sent"
    shares = ", ".join(f"{role} {1e6 * used[role] / n:.0f}" for role in ("collector", "stream", "lake"))
    return [
        Row(
            "end to end, collector + stream + lake: CPU", 1e6 * sum(used.values()) / n, "µs/event",
            bound="at most 60", holds=1e6 * sum(used.values()) / n <= 60,
            note=f"{shares}; {n:,} events of {PERSONS:,} persons, {rows:,} rows in the lake",
        ),
        Row(
            "end to end", n / seconds, "events/s", bound="at least 15,000", holds=n / seconds >= 15_000,
            note=f"in the log after {sent.seconds:.1f} s, in the lake with their persons after {seconds:.1f} s",
        ),
    ]  # fmt: skip


def _alone(folder: Path, events: list[bytes]) -> list[Row]:
    """The same path, one process after the other: what each costs when none of the others takes from its core."""
    folder.mkdir()
    workspace, key = _workspace(folder / "alone")
    serving = Serving(workspace, "127.0.0.1", _free_port(), roles=("collector",))
    serving.start()
    try:
        collector = serving.workers.children["collector"].pid
        before = cpu_s(collector)
        _send(folder, serving, _batches(events, key), connections=SENDERS)
        used = cpu_s(collector) - before
    finally:
        serving.stop()
    found, n = alone.run(workspace), len(events)
    stores = Stores(workspace)
    rows = stores.lake.n_rows("events")
    stores.close()
    assert rows == n, f"{rows:,} rows in the lake for {n:,} events sent"
    whole = 1e6 * (used + found.stream_s + found.lake_s) / n
    shares = ((name, 1e6 * s / n) for name, s in zip(("stream", "lake"), (found.stream_s, found.lake_s), strict=True))
    note = f"collector {1e6 * used / n:.0f}, " + ", ".join(f"{name} {us:.0f}" for name, us in shares)
    return [
        Row("the same, one after the other: CPU", whole, "µs/event", bound="at most 60", holds=whole <= 60, note=note)
    ]


def _workspace(path: Path) -> tuple[Path, str]:
    return path, settings.create(path, "Bench").sources["default"].write_key


def _batches(events: list[bytes], key: str) -> list[bytes]:
    groups = [events[first : first + IN_BATCH] for first in range(0, len(events), IN_BATCH)]
    return [encode("/v1/batch", b'{"batch":[' + b",".join(group) + b"]}", key) for group in groups]


def _singles(events: list[bytes], key: str) -> list[bytes]:
    kinds = [msgspec.json.decode(event, type=Kind).type for event in events]
    return [encode(f"/v1/{kind}", event, key) for kind, event in zip(kinds, events, strict=True)]


def _send(folder: Path, serving: Serving, requests: list[bytes], *, connections: int, times: int = 1) -> Sent:
    file = folder / "requests"
    file.write_bytes(msgspec.msgpack.encode(requests))
    return send(serving.host, serving.port, file, connections=connections, times=times)


def _records(workspace: Path) -> int:
    """How many records the log holds, every checksum read."""
    stores, n = Stores(workspace), 0
    for partition in stores.log.partitions():
        offset, batch = -1, stores.log.read(partition, 0, 16 << 20)
        while batch.next_offset != offset:
            n, offset = n + len(batch.records), batch.next_offset
            batch = stores.log.read(partition, offset, 16 << 20)
    stores.close()
    return n


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
