"""One suite for each port, run by every implementation of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ariane.errors import Conflict, InputError
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


def visits(where: Path | str) -> Lake:
    made = Lake(where)
    made.append("visits", pa.table({"who": ["ana", "bob", "ana"], "at_us": [3, 1, 2]}), progress={"web-0": 30})
    return made


@pytest.fixture(params=["folder", "address", pytest.param("s3", marks=pytest.mark.needs("s3"))])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    if request.param == "s3":
        return visits(request.getfixturevalue("s3_place"))
    return visits(tmp_path / "lake" if request.param == "folder" else f"file://{tmp_path}/lake")


@pytest.fixture(
    params=[
        "duckdb",
        pytest.param("spark", marks=pytest.mark.needs("spark")),
        pytest.param("duckdb-s3", marks=pytest.mark.needs("s3")),
        pytest.param("duckdb-s3-held", marks=pytest.mark.needs("s3")),
    ]
)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An engine over a lake of visits, kept in a folder or in an object store, read at each question or held."""
    where = request.getfixturevalue("s3_place") if "s3" in request.param else tmp_path / "lake"
    opened: Any
    if request.param == "spark":
        opened = SparkEngine(visits(where), request.getfixturevalue("spark"))
    else:
        opened = DuckEngine(visits(where), resident_rows=100 if "held" in request.param else 0)
    yield opened
    opened.close()


def test_what_was_appended_is_read_back_in_order(log: Log) -> None:
    payloads = [f'{{"n":{n}}}'.encode() for n in range(500)]
    with log.writer("web-0") as writer:
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
    with log.writer("web-0") as writer:
        writer.append([b'{"a":1}', b'{"b":2}', b'{"c":3}'])
    for record in log.read("web-0", 0).records:
        assert log.read("web-0", record.offset).records[0].payload == record.payload


def test_a_partition_has_one_writer(log: Log) -> None:
    writer = log.writer("web-0")
    with pytest.raises(Conflict):
        log.writer("web-0")
    writer.close()
    log.writer("web-0").close()


def test_offsets_are_places_in_bytes(log: Log) -> None:
    with log.writer("web-0") as writer:
        assert writer.append([b"{}"]) == 12
        assert writer.submit([b'{"a":1}', b"{}"]).result() == 12 + 17 + 12 == writer.end
    assert [record.offset for record in log.read("web-0", 0).records] == [0, 12, 29]
    assert [record.offset for record in log.read("web-0", 1).records] == [12, 29]
    assert log.read("web-0", 0, max_bytes=20).next_offset == 12
    assert log.read("web-0", 41).next_offset == 41


def test_payloads_are_replaced_in_their_place_and_old_ones_retired(log: Log) -> None:
    with log.writer("web-0") as writer:
        writer.append([b"ana-1", b"bob-1", b"ana-2"])
    assert log.rewrite("web-0", lambda payload: b"     " if payload.startswith(b"ana") else payload) == 2
    assert [record.payload for record in log.read("web-0", 0).records] == [b"     ", b"bob-1", b"     "]
    with pytest.raises(InputError):
        log.rewrite("web-0", lambda payload: b"")
    assert log.retire("web-0", 15, older_than=0) == 0, "too young"
    assert log.retire("web-0", 15) == log.start("web-0") <= 15
    with pytest.raises(InputError), log.writer("web-0") as writer:
        writer.append([b"{\n}"])


def test_partitions_do_not_mix(log: Log) -> None:
    for name in ("web-0", "web-1"):
        with log.writer(name) as writer:
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


def test_a_table_written_anew_keeps_rows_columns_and_progress_and_nothing_else(lake: Lake) -> None:
    rows = pa.table({"who": ["ana", "eve"], "at_us": [5, 6], "on": ["mon", "tue"]})
    lake.append("days", rows, partition_by=["on"], progress={"web-0": 7})
    before = set(lake.files("days"))
    lake.rewrite(
        "days",
        lambda part: part.filter(pc.not_equal(part.column("who"), "ana")),
        partition_by=["on"],
        consumers=["web-0"],
    )
    assert lake.read("days").to_pylist() == [{"who": "eve", "at_us": 6, "on": "tue"}]
    assert lake.progress("days", "web-0") == 7 and lake.missing("days") == []
    assert lake.names() == ["days", "visits"] and not before & set(lake.files("days"))
    assert lake.recover() == [], "nothing was left half done"
    lake.drop("days")
    assert lake.names() == ["visits"] and lake.version("days") == -1


def test_both_engines_give_one_answer(engine: Engine) -> None:
    visits = engine.table("visits")
    counted = visits.group_by("who").aggregate(n=visits.count(), last_us=visits.at_us.max()).order_by("who")
    assert engine.run(counted).to_pylist() == [
        {"who": "ana", "n": 2, "last_us": 3},
        {"who": "bob", "n": 1, "last_us": 1},
    ]


def test_an_engine_sees_a_new_commit_after_refresh(engine: Any) -> None:
    engine.lake.append("visits", pa.table({"who": ["eve"], "at_us": [9]}))
    engine.refresh()
    visits = engine.table("visits")
    assert engine.run(visits.aggregate(n=visits.count())).to_pylist() == [{"n": 4}]


def test_absent_tables_are_empty_ones(engine: Engine) -> None:
    for name in ("events", "identifiers", "persons", "consents", "edges"):
        table = engine.table(name)
        assert engine.run(table.aggregate(n=table.count())).to_pylist() == [{"n": 0}]
