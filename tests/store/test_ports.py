"""One suite for each port, run by every implementation of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ariane.errors import Conflict
from ariane.store import DuckEngine, Engine, Lake, SegmentLog, SparkEngine, State
from ariane.store.ports import Log
from ariane.store.shared_log import TableLog


@pytest.fixture(params=["segments", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    if request.param == "segments":
        yield SegmentLog(tmp_path / "log")
        return
    shared = TableLog(request.getfixturevalue("postgres_database"))
    yield shared
    shared.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[State]:
    where = tmp_path / "state.db" if request.param == "sqlite" else request.getfixturevalue("postgres_database")
    opened = State(where)
    opened.create()
    yield opened
    opened.close()


@pytest.fixture(params=["duckdb", pytest.param("spark", marks=pytest.mark.needs("spark"))])
def engine(request: pytest.FixtureRequest, lake: Lake) -> Iterator[Engine]:
    opened: Any = DuckEngine(lake) if request.param == "duckdb" else SparkEngine(lake, request.getfixturevalue("spark"))
    yield opened
    opened.close()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake(tmp_path / "lake")
    made.append("visits", pa.table({"who": ["ana", "bob", "ana"], "at_us": [3, 1, 2]}), progress={"web-0": 30})
    return made


def test_what_was_appended_is_read_back_in_order(log: Log) -> None:
    payloads = [f'{{"n":{n}}}'.encode() for n in range(500)]
    with log.writer("web-0") as writer:  # type: ignore[attr-defined]
        writer.append(payloads[:200])
        end = writer.append(payloads[200:])
    assert log.partitions() == ["web-0"]
    assert log.end("web-0") == end
    offset, read = 0, []
    while (batch := log.read("web-0", offset, max_bytes=700)).records:
        read += [record.payload for record in batch.records]
        offset = batch.next_offset
    assert read == payloads and offset == end


def test_reading_starts_at_any_record(log: Log) -> None:
    with log.writer("web-0") as writer:  # type: ignore[attr-defined]
        writer.append([b'{"a":1}', b'{"b":2}', b'{"c":3}'])
    for record in log.read("web-0", 0).records:
        assert log.read("web-0", record.offset).records[0].payload == record.payload


def test_a_partition_has_one_writer(log: Log) -> None:
    writer = log.writer("web-0")
    with pytest.raises(Conflict):
        log.writer("web-0")
    writer.close()
    log.writer("web-0").close()


def test_partitions_do_not_mix(log: Log) -> None:
    for name in ("web-0", "web-1"):
        with log.writer(name) as writer:  # type: ignore[attr-defined]
            writer.append([f'{{"p":"{name}"}}'.encode()])
    assert [record.payload for record in log.read("web-1", 0).records] == [b'{"p":"web-1"}']
    assert log.read("nowhere", 0).records == [] or list(log.read("nowhere", 0).records) == []


def test_effects_and_offset_are_one_transaction(state: State) -> None:
    with state.begin() as conn:
        state.commit_offset(conn, "stream", "web-0", 10)
    with pytest.raises(RuntimeError), state.begin() as conn:
        state.commit_offset(conn, "stream", "web-0", 20)
        raise RuntimeError("killed here")
    with state.read() as conn:
        assert state.offset(conn, "stream", "web-0") == 10
        assert state.offsets(conn, "stream") == {"web-0": 10}
        assert state.offset(conn, "lake", "web-0") == 0


def test_a_reader_sees_what_was_committed(state: State) -> None:
    with state.begin() as conn:
        state.commit_offset(conn, "stream", "web-0", 1)
        with state.read() as other:
            assert state.offset(other, "stream", "web-0") == 0
    with state.read() as other:
        assert state.offset(other, "stream", "web-0") == 1


def test_rows_and_progress_are_one_commit(lake: Lake) -> None:
    assert lake.progress("visits", "web-0") == 30
    assert lake.progress("visits", "web-1") == 0
    before = lake.version("visits")
    lake.append("visits", pa.table({"who": ["eve"], "at_us": [9]}), progress={"web-0": 40, "web-1": 5})
    assert lake.version("visits") == before + 1
    assert (lake.progress("visits", "web-0"), lake.progress("visits", "web-1")) == (40, 5)
    assert lake.n_rows("visits") == 4


def test_a_replaced_table_holds_only_the_new_rows(lake: Lake) -> None:
    lake.replace("visits", pa.table({"who": ["zoe"], "at_us": [1]}))
    assert lake.read("visits").to_pylist() == [{"who": "zoe", "at_us": 1}]


def test_deleting_one_person_leaves_the_others(lake: Lake) -> None:
    assert lake.delete("visits", "who = 'ana'") == 2
    assert lake.read("visits").to_pylist() == [{"who": "bob", "at_us": 1}]


def test_compacting_changes_files_not_rows(lake: Lake) -> None:
    for n in range(6):
        lake.append("visits", pa.table({"who": ["x"], "at_us": [n]}))
    rows = sorted(lake.read("visits").to_pylist(), key=str)
    assert lake.compact("visits") >= 2
    assert lake.sweep("visits") == 0, "somebody may still be reading"
    assert lake.sweep("visits", grace_s=0) >= 2
    assert len(lake.files("visits")) == 1
    assert sorted(lake.read("visits").to_pylist(), key=str) == rows


def test_both_engines_give_one_answer(engine: Engine) -> None:
    visits = engine.table("visits")
    counted = visits.group_by("who").aggregate(n=visits.count(), last_us=visits.at_us.max()).order_by("who")
    assert engine.run(counted).to_pylist() == [
        {"who": "ana", "n": 2, "last_us": 3},
        {"who": "bob", "n": 1, "last_us": 1},
    ]


def test_an_engine_sees_a_new_commit_after_refresh(engine: Engine, lake: Lake) -> None:
    lake.append("visits", pa.table({"who": ["eve"], "at_us": [9]}))
    engine.refresh()
    visits = engine.table("visits")
    assert engine.run(visits.aggregate(n=visits.count())).to_pylist() == [{"n": 4}]


def test_absent_tables_are_empty_ones(engine: Engine) -> None:
    for name in ("events", "identifiers", "persons", "consents", "edges"):
        table = engine.table(name)
        assert engine.run(table.aggregate(n=table.count())).to_pylist() == [{"n": 0}]
