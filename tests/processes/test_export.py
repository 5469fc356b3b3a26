"""After every export the lake's copies of the state's tables are the state's tables, whatever happened in between."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from ariane import consent, identity
from ariane.identity.steering import lift_event, merge_event, restore_event, retract_event, split_event
from ariane.ingest import Record, encode
from ariane.model import Identifier
from ariane.processes import columnar, exporting, stream
from ariane.store import DuckEngine, Stores
from tests.processes.living import NOW_US, deliver, town_events, workspace

TABLES = ("identifiers", "persons", "consents", "edges")


def test_each_export_leaves_the_lake_as_the_state_is(tmp_path: Path) -> None:
    stores = workspace(tmp_path / "ws")
    chosen = random.Random(4)
    events = list(town_events(60))
    chosen.shuffle(events)
    engine = DuckEngine(stores.lake, resident_rows=1_000_000)
    for part in range(8):
        deliver(stores, events[part::8])
        if part % 2:
            decide(stores, chosen, part)
        stream.run(stores)
        columnar.step(stores)
        if part == 5:
            for name in TABLES:
                stores.lake.settle(name, least=1, share=0.01)
        assert_level(stores, engine)
    engine.close()
    stores.close()


def test_an_export_writes_what_changed(tmp_path: Path) -> None:
    stores = workspace(tmp_path / "ws")
    events = list(town_events(60))
    deliver(stores, events[:-3])
    stream.run(stores)
    columnar.step(stores)
    held = {name: stores.lake.n_rows(name) for name in TABLES}
    assert held["edges"] > 300
    deliver(stores, events[-3:])
    stream.run(stores)
    columnar.step(stores)
    written = {name: stores.lake.n_rows(name) - held[name] for name in TABLES}
    assert 0 < sum(written.values()) < 60, written
    assert_level(stores)
    version = stores.lake.version("persons")
    assert not exporting.export(stores) and stores.lake.version("persons") == version
    stores.close()


def test_many_small_exports_do_not_leave_many_files(tmp_path: Path) -> None:
    stores = workspace(tmp_path / "ws")
    events = list(town_events(60))[:300]
    for at in range(0, len(events), 10):
        deliver(stores, events[at : at + 10])
        stream.run(stores)
        columnar.step(stores)
        columnar.tidy(stores)
    assert max(len(stores.lake.files(name)) for name in TABLES) < 40
    assert len(stores.lake.files("events")) <= 5 * 18, "a folder a month, a few files more than a dozen in each"
    assert_level(stores)
    stores.close()


@pytest.mark.parametrize("after", range(4))
def test_an_export_cut_short_is_made_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    stores = workspace(tmp_path / "ws")
    events = list(town_events(60))
    deliver(stores, events[:800])
    stream.run(stores)
    columnar.step(stores)
    deliver(stores, events[800:])
    stream.run(stores)
    put, written = stores.lake.put, [0]

    def cut(*given: Any, **said: Any) -> None:
        if written[0] == after:
            raise KeyboardInterrupt
        written[0] += 1
        put(*given, **said)

    with monkeypatch.context() as patched:
        patched.setattr(stores.lake, "put", cut)
        with pytest.raises(KeyboardInterrupt):
            columnar.step(stores)
    columnar.step(stores)
    assert_level(stores)
    stores.close()


def decide(stores: Stores, chosen: random.Random, part: int) -> None:
    """Somebody merges, splits, retracts or takes one of these back."""
    with stores.state.read() as conn:
        known = identity.tables(conn)
    rows = known["identifiers"].to_pylist()
    one, other = chosen.sample(rows, 2)
    a, b = (Identifier(row["kind"], row["value"]) for row in (one, other))
    said: list[dict[str, Any]] = []
    orders: list[Callable[..., dict[str, Any]]] = [merge_event, split_event, retract_event]
    backs: list[Callable[..., dict[str, Any]]] = [retract_event, lift_event, restore_event]
    kind = chosen.randrange(3)
    if kind:
        edge = chosen.choice(known["edges"].to_pylist())
        named = {row["key"]: Identifier(row["kind"], row["value"]) for row in rows}
        a, b = named[edge["a_key"]], named[edge["b_key"]]
    said.append(orders[kind](a, b, actor="nina", at=f"2026-11-{part + 1:02}T10:00:00Z"))
    if chosen.random() < 0.6:
        said.append(backs[kind](a, b, actor="nina", at=f"2026-11-{part + 1:02}T11:00:00Z"))
    with stores.log.writer("console") as writer:
        for order in said:  # a decision and its taking back may come in one batch or in two
            record = Record(
                source="_ariane", message_id=order["messageId"], type="track", event=order["event"],
                received_us=NOW_US, timestamp=order["timestamp"], properties=order["properties"],
            )  # fmt: skip
            writer.append([encode(record)])
            if chosen.random() < 0.5:
                stream.run(stores)
                columnar.step(stores)


def assert_level(stores: Stores, engine: DuckEngine | None = None) -> None:
    with stores.state.read() as conn:
        state = identity.tables(conn) | consent.tables(conn)
    for name in TABLES:
        expected = ordered(state[name])
        assert ordered(stores.lake.read(name)) == expected, name
    if engine is not None:
        engine.refresh()
        for name in TABLES:
            assert ordered(engine.run(engine.table(name))) == ordered(state[name]), name


def ordered(table: pa.Table) -> list[bytes]:
    return sorted(msgspec.json.encode(row) for row in table.to_pylist())
