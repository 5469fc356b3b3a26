"""Events taken over HTTP. The events are those of the demo town (about 460 bytes of JSON each, consent included),
encoded beforehand; the client is a process of its own on the same cores. An event counts when it was answered with
200, which happens after fdatasync.

Accepted: the collector alone, one worker; the same events are sent several times over, since the log keeps them all.
End to end: collector, stream and lake run; the clock stops when every event is on disk, de-duplicated, tied to its
person and in the lake, with the persons. Checked: records in the log, rows in the lake, are the events sent.

Microseconds of CPU per event are the figure to compare: they hardly move with what else the machine does, and are
summed over the processes named and the workers they start (the client's are not in them).
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
from bench.cpu import cpu_s
from bench.load import Sent, encode
from bench.load import run as send
from bench.machine import fsyncs_per_s
from bench.row import Row

SCRATCH = Path(__file__).resolve().parent.parent / ".cache" / "bench"
PERSONS = int(os.environ.get("ARIANE_BENCH_PERSONS", "1000"))
IN_BATCH = 100
TIMES = 6
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
        return _accepted(Path(folder), events) + _end_to_end(Path(folder), events)


def _events(chunk: Sequence[bytes]) -> list[bytes]:
    return [bytes(event) for body in chunk for event in msgspec.json.decode(body, type=Batch).batch]


def _accepted(folder: Path, events: list[bytes]) -> list[Row]:
    workspace, key = _workspace(folder / "accepted")
    serving = Serving(workspace, "127.0.0.1", _free_port(), roles=("collector",))
    serving.start()
    try:
        collector = serving.workers.children["collector"].pid
        singles, batches = _singles(events, key), _batches(events, key)
        _send(folder, serving, batches[:100], connections=4)  # to warm up
        synced = fsyncs_per_s(folder)
        before = cpu_s(collector)
        many = _send(folder, serving, batches, connections=16, times=TIMES)
        between = cpu_s(collector)
        few = _send(folder, serving, singles, connections=64)
        after = cpu_s(collector)
    finally:
        serving.stop()
    n_many, n_few = TIMES * len(events), len(singles)
    held, sent = _records(workspace), n_many + n_few + min(len(events), 100 * IN_BATCH)
    assert held == sent, f"{held:,} records in the log for {sent:,} events acknowledged"
    return [
        *_rows(f"accepted, batches of {IN_BATCH}", many, n_many, between - before, synced),
        *_rows("accepted, one event a request", few, n_few, after - between, synced),
    ]


def _rows(what: str, sent: Sent, n: int, cpu: float, synced: float) -> list[Row]:
    note = (
        f"answers in {sent.p50_ms:.1f} ms (median), {sent.p99_ms:.1f} ms (99 %); {n:,} events in {sent.seconds:.1f} s; "
        f"the client used {1e6 * sent.cpu_s / n:.1f} µs of CPU per event beside them"
    )
    rate = n / sent.seconds
    return [
        Row(what, rate, "events/s", f"{synced:,.0f} appends of 4 KiB made durable a second", rate / synced, note=note),
        Row(f"{what}: CPU of the collector", 1e6 * cpu / n, "µs/event"),
    ]


def _end_to_end(folder: Path, events: list[bytes]) -> list[Row]:
    workspace, key = _workspace(folder / "whole")
    roles = ("stream", "lake", "collector")
    serving = Serving(workspace, "127.0.0.1", _free_port(), roles=roles)
    serving.start()
    try:
        time.sleep(3.0)  # stream and lake have loaded what they need, which no event paid for
        pids = {role: serving.workers.children[role].pid for role in roles}
        before = {role: cpu_s(pid) for role, pid in pids.items()}
        began = time.perf_counter()
        sent = _send(folder, serving, _batches(events, key), connections=4)
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
            note=f"{shares}; {n:,} events of {PERSONS:,} persons, {rows:,} rows in the lake",
        ),
        Row(
            "end to end", n / seconds, "events/s",
            note=f"in the log after {sent.seconds:.1f} s, in the lake with their persons after {seconds:.1f} s",
        ),
    ]  # fmt: skip


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
