"""Events that break the plan: held or kept with a warning, let out once, the same live and rebuilt, erased too."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ariane import identity
from ariane.consent import permit
from ariane.consent import tables as consent_tables
from ariane.ingest.plan import freeze, plan_of, planned, write_schema
from ariane.ingest.receive import receive
from ariane.model import HOUR
from ariane.processes import columnar, erase, rebuild
from ariane.processes import stream as streaming
from ariane.processes.quarantine import held, replay, warned
from ariane.store import DuckEngine, Lake, Stores
from tests.processes.living import KEYS, answers, process, rounded, workspace
from tests.processes.test_erase import files_with

ORDERS = planned("Order Completed")
STRICT = {
    "title": "Order Completed",
    "properties": {"properties": {"required": ["order_id"], "properties": {"revenue": {"type": "number"}}}},
}
LOOSE = {
    "title": "Order Completed",
    "properties": {"properties": {"properties": {"revenue": {"type": ["number", "string"]}}}},
}


def order(number: int, *, who: str = "", **properties: Any) -> bytes:
    event = {
        "type": "track", "event": "Order Completed", "messageId": f"o-{number}",
        "anonymousId": who or f"c-{number % 7}", "timestamp": f"2026-10-{number % 28 + 1:02d}T10:00:00Z",
        "properties": properties,
    }  # fmt: skip
    return msgspec.json.encode(event)


def good(number: int) -> bytes:
    return order(number, order_id=f"id-{number}", revenue=1.5)


def bad(number: int) -> bytes:
    """Breaks STRICT; even numbers keep to LOOSE."""
    return order(number, order_id="x", revenue="dear") if number % 2 == 0 else order(number, revenue=False)


MIXED = [good(n) for n in range(20)] + [bad(n) for n in range(20, 40)]


def received(stores: Stores) -> int:
    """An instant after the plan was frozen last, and before it can be frozen again."""
    return plan_of(stores.path).latest_us() + 1


def send(
    stores: Stores, events: Sequence[bytes], at_us: int | None = None, partition: str = "web-0", batch: int = 100
) -> None:
    at_us = received(stores) if at_us is None else at_us
    with stores.log.writer(partition) as writer:
        for place in range(0, len(events), batch):
            body = b'{"writeKey":"wk_test","batch":[' + b",".join(events[place : place + batch]) + b"]}"
            writer.append(receive("batch", {}, body, KEYS, at_us).payloads)


def planned_workspace(path: Path, schema: dict[str, Any] = STRICT, mode: Any = "quarantine") -> Stores:
    stores = workspace(path)
    write_schema(path, ORDERS, schema)
    freeze(path, ORDERS, mode)
    return stores


def rows(stores: Stores, name: str) -> list[dict[str, Any]]:
    return stores.lake.read(name).to_pylist() if stores.lake.exists(name) else []


def ids(stores: Stores, name: str = "events") -> list[str]:
    return sorted(row["message_id"] for row in rows(stores, name))


def in_quarantine(stores: Stores) -> list[str]:
    engine = DuckEngine(stores.lake)
    found = engine.run(held(engine)).to_pylist()
    engine.close()
    return sorted(row["message_id"] for row in found)


def said(stores: Stores) -> dict[str, Any]:
    """What a workspace says, quarantine and warnings included."""
    with stores.state.read() as conn:
        kept = warned(conn)
    apart = [{k: v for k, v in row.items() if not k.startswith("log_")} for row in rows(stores, "quarantine")]
    return answers(stores) | {
        "warned": kept,
        "quarantine": sorted(str(rounded(row)) for row in apart),
        "held": in_quarantine(stores),
    }


def message_ids(numbers: Any) -> list[str]:
    return sorted(f"o-{n}" for n in numbers)


def test_what_breaks_the_plan_is_held_with_its_reasons_and_joins_nobody(tmp_path: Path) -> None:
    stores = planned_workspace(tmp_path / "ws")
    before = plan_of(tmp_path / "ws").latest_us() - HOUR
    send(stores, [bad(n) for n in range(50, 54)], at_us=before)  # before it was frozen
    send(stores, [*MIXED, order(41, who="only-here", order_id=5, revenue="x")])
    process(stores)
    assert ids(stores) == message_ids([*range(20), *range(50, 54)])
    assert in_quarantine(stores) == message_ids([*range(20, 40), 41])
    by_id = {row["message_id"]: row for row in rows(stores, "quarantine")}
    assert msgspec.json.decode(by_id["o-20"]["reasons"]) == ["properties.revenue is not of type number"]
    assert msgspec.json.decode(by_id["o-21"]["reasons"]) == [
        "properties.order_id is missing", "properties.revenue is not of type number",
    ]  # fmt: skip
    assert by_id["o-20"]["source"] == "default" and by_id["o-20"]["received_us"] == received(stores)
    assert b'"revenue":"dear"' in by_id["o-20"]["record"].encode()
    assert not [row for row in rows(stores, "identifiers") if row["value"] == "only-here"]
    stores.close()


def test_a_warning_is_counted_and_the_event_kept(tmp_path: Path) -> None:
    stores = planned_workspace(tmp_path / "ws", mode="warn")
    send(stores, MIXED)
    send(stores, MIXED[30:])  # repeats are counted once
    process(stores)
    assert ids(stores) == message_ids(range(40)) and not stores.lake.exists("quarantine")
    with stores.state.read() as conn:
        counted = {one.reason: one.n for one in warned(conn)}
    assert counted == {"properties.order_id is missing": 10, "properties.revenue is not of type number": 20}
    live = said(stores)
    rebuild(stores)
    assert said(Stores(tmp_path / "ws")) == live
    stores.close()


def test_a_refusal_is_heard_from_quarantine(tmp_path: Path) -> None:
    stores = planned_workspace(tmp_path / "ws")
    stores.log.segment_bytes = 2_000
    known = msgspec.json.encode(
        {
            "type": "identify",
            "messageId": "i",
            "anonymousId": "c-1",
            "userId": "ana",
            "timestamp": "2026-10-01T10:00:00Z",
        }
    )
    refusing = {
        "type": "track", "event": "Order Completed", "messageId": "r", "anonymousId": "c-1", "userId": "ana",
        "timestamp": "2026-10-02T10:00:00Z", "properties": {},
        "context": {"consent": {"categoryPreferences": {"measurement": False}}},
    }  # fmt: skip
    send(stores, [known, msgspec.json.encode(refusing), *MIXED], batch=1)
    process(stores)
    assert "r" in in_quarantine(stores)

    def refused() -> list[tuple[str, bool]]:
        return [(row["purpose"], row["granted"]) for row in rows(Stores(tmp_path / "ws"), "consents")]

    assert refused() == [("measurement", False)]
    rebuild(stores)
    assert refused() == [("measurement", False)]
    assert stores.log.retire("web-0", stores.log.end("web-0")) > 0, "the log must be in several segments for this test"
    rebuild(stores)
    assert refused() == [("measurement", False)]
    stores.close()


def test_a_refusal_heard_from_quarantine_outlives_a_transaction_that_was_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = planned_workspace(tmp_path / "ws")
    about = {"type": "track", "userId": "ana", "timestamp": "2026-10-01T10:00:00Z"}
    agrees = about | {"event": "Consent Given", "messageId": "y", "properties": {"purpose": "marketing"}}
    said_no = {"consent": {"categoryPreferences": {"marketing": False}}}
    refuses = about | {"event": "Order Completed", "messageId": "n", "timestamp": "2026-10-02T10:00:00Z"}
    memory = streaming.Memory(stores)
    send(stores, [msgspec.json.encode(agrees)])
    streaming.step(stores, "web-0", memory)
    columnar.step(stores)
    send(stores, [msgspec.json.encode(refuses | {"context": said_no})])
    with monkeypatch.context() as patched:
        patched.setattr(stores.state, "commit_offset", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            streaming.step(stores, "web-0", memory)
    streaming.step(stores, "web-0", memory)
    with stores.state.read() as conn:
        assert not any(row["granted"] for row in consent_tables(conn)["consents"].to_pylist())
    columnar.step(stores)
    assert [row["granted"] for row in rows(stores, "consents") if row["purpose"] == "marketing"] == [False]
    stores.close()


@pytest.mark.parametrize("together", [True, False])
def test_a_refusal_is_heard_from_somebody_nobody_knows_yet(tmp_path: Path, together: bool) -> None:
    stores = planned_workspace(tmp_path / "ws")
    refusing = {
        "type": "track", "event": "Order Completed", "messageId": "r", "userId": "ana", "properties": {},
        "timestamp": "2026-10-02T10:00:00Z", "context": {"consent": {"categoryPreferences": {"marketing": False}}},
    }  # fmt: skip
    known = {"type": "page", "messageId": "p", "userId": "ana", "timestamp": "2026-10-05T10:00:00Z"}
    send(stores, [msgspec.json.encode(refusing)])
    if not together:
        process(stores)
        assert rows(stores, "consents") == []
    send(stores, [msgspec.json.encode(known)])
    process(stores)
    assert [(row["purpose"], row["granted"]) for row in rows(stores, "consents")] == [("marketing", False)]
    stores.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_any_order_repeats_and_rebuilds_give_the_same(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    straight, stores = planned_workspace(tmp_path / "straight"), planned_workspace(tmp_path / "ws")
    at_us = max(received(straight), received(stores))
    # A copy that breaks the plan never stands in the way of one that keeps to it.
    both = [order(n, order_id="ok", revenue=1) for n in range(30, 34)] + [order(n, revenue="no") for n in range(30, 34)]
    events = [*MIXED[:30], *both]
    send(straight, events, at_us)
    process(straight)
    expected = said(straight)
    assert expected["held"] == message_ids(range(20, 30))
    several = events + rng.sample(events, 10)
    rng.shuffle(several)
    for part in range(3):
        send(stores, several[part::3], at_us, partition=f"web-{part % 2}", batch=rng.randint(1, 9))
        process(stores)
    found = said(stores)
    for name in ("events", "identifiers", "persons", "edges", "held", "map"):
        assert found[name] == expected[name], name
    live = said(stores)
    rebuild(stores)
    assert said(Stores(tmp_path / "ws")) == live
    straight.close()
    stores.close()


def test_what_keeps_to_the_mended_plan_is_let_out_once(tmp_path: Path) -> None:
    stores = planned_workspace(tmp_path / "ws")
    stores.log.segment_bytes = 2_000
    send(stores, MIXED, batch=3)
    process(stores)
    assert (replay(stores).n_released, len(in_quarantine(stores))) == (0, 20)
    write_schema(stores.path, ORDERS, LOOSE)
    freeze(stores.path, ORDERS, "quarantine")
    done = replay(stores, "Order Completed")
    assert (done.n_released, done.n_held) == (10, 10)
    everything = message_ids([*range(20), *range(20, 40, 2)])
    assert ids(stores) == everything and in_quarantine(stores) == message_ids(range(21, 40, 2))
    assert (replay(stores).n_released, ids(stores)) == (0, everything)
    send(stores, [bad(20), bad(22)])  # sent once more, and now they keep to the plan
    process(stores)
    assert ids(stores) == everything
    live = said(stores)
    rebuild(stores)
    assert said(Stores(tmp_path / "ws")) == live
    for partition in stores.log.partitions():
        stores.log.retire(partition, stores.log.end(partition))
    assert stores.log.start("web-0") > 0, "the log must be in several segments for this test"
    rebuild(stores)
    assert said(Stores(tmp_path / "ws")) == live
    freeze(stores.path, ORDERS, "off")
    assert replay(stores).n_released == 10 and in_quarantine(stores) == []
    assert ids(stores) == message_ids(range(40))
    stores.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from ariane.processes import quarantining
from ariane.store import Stores
quarantining.AT_ONCE = 4
stores, left = Stores(Path(sys.argv[1])), int(sys.argv[2])
opened = stores.log.writer
def writer(partition):
    made = opened(partition)
    append = made.append
    def once_more(payloads):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        end = append(payloads)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return end
    made.append = once_more
    return made
stores.log.writer = writer
quarantining.replay(stores)
"""


@pytest.mark.parametrize("instant", [1, 2, 4])
def test_a_replay_killed_half_way_loses_and_doubles_nothing(tmp_path: Path, instant: int) -> None:
    stores = planned_workspace(tmp_path / "ws")
    send(stores, MIXED)
    process(stores)
    freeze(stores.path, ORDERS, "off")
    command = [sys.executable, "-c", KILLED, str(stores.path), str(instant)]
    assert subprocess.run(command, timeout=120).returncode == -signal.SIGKILL
    replay(stores)
    assert ids(stores) == message_ids(range(40)) and in_quarantine(stores) == []
    stores.close()


def test_a_lake_writer_that_dies_between_its_two_tables_writes_each_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = planned_workspace(tmp_path / "ws")
    send(stores, MIXED)
    streaming.run(stores)
    whole = Lake.append

    def dies(self: Lake, name: str, *args: Any, **options: Any) -> None:
        if name == "events":
            raise KeyboardInterrupt
        whole(self, name, *args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Lake, "append", dies)
        with pytest.raises(KeyboardInterrupt):
            columnar.step(stores)
    send(stores, [bad(44), good(45)])
    process(stores)
    assert ids(stores, "quarantine") == message_ids([*range(20, 40), 44])
    assert ids(stores) == message_ids([*range(20), 45])
    stores.close()


def test_erasure_reaches_the_quarantine(tmp_path: Path) -> None:
    stores = planned_workspace(tmp_path / "ws")
    mine = [order(60, who="zzmark-cookie", revenue="ZZMARK"), order(61, who="zzmark-cookie", order_id="a", revenue=2)]
    send(stores, [*MIXED, *mine])
    process(stores)
    markers = ("zzmark-cookie", "ZZMARK")
    assert files_with(stores.path, markers)
    with stores.state.read() as conn:
        keys = identity.person(conn, permit("service", actor="test"), "cookie:zzmark-cookie").keys
    assert erase(stores, keys).n_events == 2
    assert files_with(stores.path, markers) == []
    assert in_quarantine(stores) == message_ids(range(20, 40)) and ids(stores) == message_ids(range(20))
    send(stores, [bad(70)])
    process(stores)
    assert "o-70" in in_quarantine(stores)
    stores.close()
