"""More comes in than can be taken, and what the collector says of itself."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest

from ariane.errors import Transient
from ariane.ingest.collector import Collector
from ariane.ingest.lag import lags, note
from ariane.ingest.metrics import FAMILIES
from ariane.ingest.requests import AsgiRequest, Message
from ariane.ingest.sink import Busy, Sink
from ariane.settings import Source, create
from ariane.store import SegmentLog
from ariane.store.log import LogWriter
from tests.machine import REPOSITORY

BODY = json.dumps({"event": "A", "writeKey": "wk_test", "messageId": "m"}).encode()


class Slow:
    """A log whose disk takes `seconds` to make a group durable, or refuses; the rest is the real one's."""

    def __init__(self, root: Path, seconds: float = 0.0) -> None:
        self.real, self.seconds, self.refuses, self.groups = SegmentLog(root), seconds, False, 0

    def partitions(self) -> list[str]:
        return self.real.partitions()

    def writer(self, partition: str) -> SlowWriter:
        return SlowWriter(self, self.real.writer(partition))

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)


class SlowWriter:
    def __init__(self, log: Slow, real: LogWriter) -> None:
        self.log, self.real = log, real

    def submit(self, payloads: Sequence[bytes]) -> Future[int]:
        done: Future[int] = Future()
        self.log.groups += 1

        def write() -> None:
            time.sleep(self.log.seconds)
            if self.log.refuses:
                done.set_exception(Transient("The disk is full.", retry_after_s=7))
            else:
                done.set_result(self.real.append(payloads))

        threading.Thread(target=write).start()
        return done

    failed = False

    def close(self) -> None:
        self.real.close()


@contextmanager
def collecting(path: Path, *, held_bytes: int = 1 << 26, seconds: float = 0.0) -> Iterator[tuple[Collector, Slow]]:
    create(path, sources={"web": Source("wk_test", "web")})
    collector = Collector(path)
    collector.sink.close()
    log = Slow(path / "log", seconds)
    collector.sink = Sink(log, 1, held_bytes)  # type: ignore[arg-type]
    yield collector, log
    collector.sink.close()


def request(path: str, body: bytes = b"", method: str = "POST", **headers: str) -> AsgiRequest:
    listed = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope: Message = {"method": method, "path": path, "scheme": "http", "query_string": b"", "headers": listed}
    scope["headers"] += [(b"content-length", str(len(body)).encode())] if body else []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return AsgiRequest(scope, receive)


def test_a_burst_is_told_to_come_again_and_loses_nothing(tmp_path: Path) -> None:
    async def burst(collector: Collector) -> list[int]:
        sent = [collector.answer(request("/v1/track", BODY)) for _ in range(500)]
        replies = await asyncio.gather(*sent)
        for reply in replies:
            if reply.status == 429:
                headers = dict(reply.headers)
                assert json.loads(reply.body)["code"] == "too_many_requests" and 1 <= int(headers["retry-after"]) <= 30
        return [reply.status for reply in replies]

    with collecting(tmp_path / "w", held_bytes=100 * len(BODY), seconds=0.05) as (collector, log):
        statuses = asyncio.run(burst(collector))
        assert set(statuses) == {200, 429} and statuses.count(200) >= 100
        held = log.real.read("web-0", 0, 1 << 22).records
        assert len(held) == statuses.count(200), "what was acknowledged is in the log, and nothing else"
        assert collector.sink.metrics.queue_bytes == collector.sink.metrics.queue_events == 0
        assert asyncio.run(burst(collector)).count(200) >= 100, "once it has drained there is room again"


def test_a_body_larger_than_all_the_room_is_taken_when_nothing_else_waits(tmp_path: Path) -> None:
    with collecting(tmp_path / "w", held_bytes=10) as (collector, _):
        assert asyncio.run(collector.answer(request("/v1/track", BODY))).status == 200


def test_a_slow_disk_groups_what_waits(tmp_path: Path) -> None:
    async def many(collector: Collector) -> set[int]:
        replies = await asyncio.gather(*[collector.answer(request("/v1/track", BODY)) for _ in range(200)])
        return {reply.status for reply in replies}

    with collecting(tmp_path / "w", seconds=0.1) as (collector, log):
        assert asyncio.run(many(collector)) == {200}
        assert log.groups <= 3


def test_a_log_that_cannot_be_written_is_503_and_not_ready(tmp_path: Path) -> None:
    with collecting(tmp_path / "w") as (collector, log):
        log.refuses = True
        reply = asyncio.run(collector.answer(request("/v1/track", BODY)))
        assert reply.status == 503 and dict(reply.headers)["retry-after"] == "7"
        assert asyncio.run(collector.answer(request("/readyz", method="GET"))).status == 503
        assert asyncio.run(collector.answer(request("/healthz", method="GET"))).status == 200
        log.refuses = False
        assert asyncio.run(collector.answer(request("/v1/track", BODY))).status == 200
        assert asyncio.run(collector.answer(request("/readyz", method="GET"))).status == 200


def test_consumers_too_far_behind_hold_the_front_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARIANE_MAX_LAG_BYTES", "1000")

    async def later(collector: Collector) -> list[int]:
        statuses = []
        for _ in range(40):
            reply = await collector.answer(request("/v1/track", BODY))
            statuses.append(reply.status)
            if reply.status == 429:
                assert int(dict(reply.headers)["retry-after"]) >= 1 and "behind" in json.loads(reply.body)["message"]
                break
            collector._look_at = 0.0
            await asyncio.sleep(0.01)
        return statuses

    with collecting(tmp_path / "w") as (collector, log):
        note(tmp_path / "w", "stream", "web-0", 0)
        assert asyncio.run(later(collector))[-1] == 429
        note(tmp_path / "w", "stream", "web-0", log.real.end("web-0"))
        collector._look()
        assert asyncio.run(collector.answer(request("/v1/track", BODY))).status == 200


def test_lag_is_bytes_and_the_age_of_the_first_event_not_read(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path / "log")
    assert lags(tmp_path, log, 0) == []
    with log.writer("web-0") as writer:
        first, second = (writer.append([b'{"receivedUs":%d}' % at]) for at in (5_000_000, 6_000_000))
    for offset, seconds in ((0, 4.0), (first, 3.0), (second, 0.0)):
        note(tmp_path, "stream", "web-0", offset, {"duplicates": 3})
        (lag,) = lags(tmp_path, log, 9_000_000)
        assert (lag.bytes, lag.seconds, lag.counts) == (second - offset, seconds, {"duplicates": 3})
    (tmp_path / ".progress" / "stream" / "web-0").write_bytes(b"torn")
    assert lags(tmp_path, log, 0) == []


def test_every_metric_is_told_and_documented(tmp_path: Path) -> None:
    with collecting(tmp_path / "w") as (collector, _):
        asyncio.run(collector.answer(request("/v1/track", BODY)))
        asyncio.run(collector.answer(request("/v1/track", b"{")))
        asyncio.run(collector.answer(request("/v1/m", b'{"series":[{},{}]}')))
        counted = {
            name.removeprefix("ariane_consumer_").removesuffix("_total"): 2 for name in FAMILIES if "mer_" in name
        }
        note(tmp_path / "w", "stream", "web-0", 0, counted)
        text = asyncio.run(collector.answer(request("/metrics", method="GET"))).body.decode()
    told = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    assert told == {name: kind for name, (kind, _) in FAMILIES.items()}
    samples = {line.split(" ")[0]: float(line.split(" ")[1]) for line in text.splitlines() if line[0] != "#"}
    assert {re.sub(r"_(bucket|sum|count)$|\{.*", "", name.split("{")[0]) for name in samples} == set(FAMILIES)
    assert samples['ariane_ingest_accepted_events_total{partition="web-0"}'] == 1
    assert samples['ariane_ingest_client_metrics_total{partition="web-0"}'] == 2
    refused = 'ariane_ingest_rejected_requests_total{partition="web-0",status="400",code="invalid_input"}'
    assert samples[refused] == 1
    assert samples['ariane_consumer_duplicates_total{consumer="stream",partition="web-0"}'] == 2
    assert samples['ariane_consumer_lag_bytes{consumer="stream",partition="web-0"}'] > 0
    page = (REPOSITORY / "docs" / "ingest.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^\| `(ariane_\w+)` \| (\w+) \|", page, re.MULTILINE))
    assert documented == told


def test_busy_is_429() -> None:
    assert (Busy.code, Busy.status, Busy("x").retry_after_s) == ("too_many_requests", 429, 1)


def test_bodies_that_never_come_hold_no_room_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ariane.ingest.collector.BODY_S", 0.2)
    create(tmp_path / "ws", sources={"web": Source("wk_test")})

    def request(length: int, body: bytes | None) -> AsgiRequest:
        async def receive() -> Message:
            if body is None:
                await asyncio.sleep(60)
            return {"type": "http.request", "body": body}

        headers = [(b"content-length", str(length).encode())]
        scope: Message = {
            "type": "http", "method": "POST", "path": "/v1/track", "scheme": "http", "query_string": b"",
            "headers": headers,
        }  # fmt: skip
        return AsgiRequest(scope, receive)

    async def scene() -> tuple[int, set[int], int]:
        collector = Collector(tmp_path / "ws")
        idle = [asyncio.create_task(collector.answer(request(4_194_303, None))) for _ in range(16)]
        await asyncio.sleep(0.05)
        meanwhile = await collector.answer(request(len(BODY), BODY))
        ended = {reply.status for reply in await asyncio.gather(*idle)}
        afterwards = await collector.answer(request(len(BODY), BODY))
        collector.sink.close()
        return meanwhile.status, ended, afterwards.status

    assert asyncio.run(scene()) == (429, {408}, 200)
