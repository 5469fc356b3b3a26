"""Flipped bits, lost pages and power cuts: found, told with what they cost, and nothing else is lost."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ariane.store import Lake, SegmentLog

PAGE = 4096
QUICK = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
payloads = st.lists(
    st.one_of(
        st.binary(max_size=80).filter(lambda b: b"\n" not in b),
        st.builds(
            lambda n, fill: b'{"n":%d,"fill":"%s"}' % (n, fill * 40), st.integers(0, 99), st.sampled_from([b"ab", b"0"])
        ),
    ),
    min_size=1,
    max_size=40,
)


def everything(log: SegmentLog) -> tuple[dict[int, bytes], list[tuple[int, int]]]:
    """Every record by its offset, and all damage, read as a consumer would."""
    found: dict[int, bytes] = {}
    damaged: list[tuple[int, int]] = []
    offset = log.start("web-0")
    while True:
        batch = log.read("web-0", offset, 700)
        found |= {record.offset: record.payload for record in batch.records}
        damaged += batch.damaged
        if batch.next_offset == offset:
            return found, damaged
        offset = batch.next_offset


@QUICK
@given(records=payloads, at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_rewriting_a_damaged_segment_blanks_what_cannot_be_read_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, records: list[bytes], at: float, bit: int
) -> None:
    log = written(tmp_path_factory.mktemp("log"), [records], 1 << 20)
    [segment] = (Path(log.root) / "web-0").glob("*.log")
    content = bytearray(segment.read_bytes())
    content[int(at * len(content))] ^= 1 << bit
    segment.write_bytes(content)
    readable, _ = everything(log)
    log.rewrite("web-0", lambda payload: payload)
    assert segment.stat().st_size == len(content)
    found, _ = everything(log)
    assert {offset: payload for offset, payload in found.items() if payload.strip(b" ")} == {
        offset: payload for offset, payload in readable.items() if payload.strip(b" ")
    }
    log.rewrite("web-0", lambda payload: b"x" * len(payload) if payload.strip(b" ") else payload)
    left = segment.read_bytes()
    assert set(left) <= set(b"0123456789abcdef x\n"), "nothing that was damaged is still there"


def written(folder: Path, groups: list[list[bytes]], segment_bytes: int = 1500) -> SegmentLog:
    log = SegmentLog(folder, segment_bytes=segment_bytes)
    with log.writer("web-0") as writer:
        for group in groups:
            writer.append(group)
    return log


@QUICK
@given(records=payloads, segment_bytes=st.sampled_from([200, 1500, 1 << 20]), data=st.data())
def test_flipped_bits_cost_the_records_they_are_in_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, records: list[bytes], segment_bytes: int, data: st.DataObject
) -> None:
    """In sealed segments and in the one being written: checksum, space, payload, newline, wherever they fall."""
    log = written(tmp_path_factory.mktemp("log"), [[record] for record in records], segment_bytes)
    before, _ = everything(log)
    end = log.end("web-0")
    flips = data.draw(st.lists(st.tuples(st.integers(0, end - 1), st.integers(0, 7)), min_size=1, max_size=3))
    files = sorted((log.root / "web-0").glob("*.log"))
    for offset, bit in flips:
        file = max((file for file in files if int(file.stem) <= offset), key=lambda file: file.stem)
        content = bytearray(file.read_bytes())
        content[offset - int(file.stem)] ^= 1 << bit
        file.write_bytes(content)
    struck = {max(at for at in before if at <= offset) for offset, _ in flips}
    found, damaged = everything(log)
    assert {at: payload for at, payload in before.items() if at not in struck}.items() <= found.items()
    assert all(found[at] == before[at] for at in found), "an altered record passed its checksum"
    lost = struck - set(found)  # flipped twice, a bit is what it was
    cost = sum(length for _, length in damaged)
    assert bool(lost) <= bool(damaged) and cost <= sum(len(before[at]) + 10 for at in struck)
    if len(flips) == 1:
        (at,) = struck
        assert len(damaged) == 1 and at <= damaged[0][0] <= flips[0][0]
        assert log.damage == {"web-0": dict(damaged)}
    with log.writer("web-0") as writer:  # a start over damage cuts nothing, and goes on behind it
        assert writer.end == end
        writer.append([b"after"])
    assert everything(log)[0] == found | {end: b"after"}


@QUICK
@given(groups=st.lists(payloads, min_size=1, max_size=4), unsynced=payloads, data=st.data())
def test_a_power_cut_takes_nothing_that_was_synced(
    tmp_path_factory: pytest.TempPathFactory, groups: list[list[bytes]], unsynced: list[bytes], data: st.DataObject
) -> None:
    """What a cut may leave: any length behind the last sync, any of its pages zeroed, in any order; and the mark, which
    is never waited for, as it stood at any earlier time or empty."""
    from ariane.store.segment import frame

    folder = tmp_path_factory.mktemp("log")
    log = SegmentLog(folder, segment_bytes=1 << 20)
    marks = [b""]
    with log.writer("web-0") as writer:
        for group in groups:
            writer.append(group)
            marks.append((folder / "web-0" / "durable").read_bytes())
    synced, _ = everything(log)
    (file,) = (folder / "web-0").glob("*.log")
    whole = file.read_bytes()
    tail = bytearray(frame(unsynced))
    page = data.draw(st.sampled_from([64, PAGE]))
    first = len(whole) // page * page
    for at in range(first, len(whole) + len(tail), page):
        if data.draw(st.booleans(), label="page lost"):
            for place in range(max(0, at - len(whole)), min(len(tail), at + page - len(whole))):
                tail[place] = 0
    file.write_bytes(whole + tail[: data.draw(st.integers(0, len(tail)), label="length")])
    (folder / "web-0" / "durable").write_bytes(data.draw(st.sampled_from(marks), label="mark"))
    with log.writer("web-0") as writer:
        end = writer.end
        writer.append([b"after"])
    found, damaged = everything(log)
    assert synced.items() <= found.items(), "something that had been synced is gone"
    assert found[end] == b"after"
    assert all(at >= len(whole) for at, _ in damaged), "damage is told only where nothing had been promised"
    assert set(found.values()) <= {*synced.values(), *unsynced, b"after"}


# ── the lake ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def rows(first: int, count: int = 300) -> pa.Table:
    numbers = list(range(first, first + count))
    return pa.table({"n": numbers, "text": [f"{n * 7919:x}" * 5 for n in numbers], "day": [n % 3 for n in numbers]})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Three commits that are on disk, and three that the kernel holds."""
    made = Lake(tmp_path / "lake")
    for nth in range(6):
        made.append("events", rows(nth * 300), partition_by=["day"], progress={"web-0": (nth + 1) * 10})
        if nth == 2:
            made.secure()
    return made


def start_of_the_machine(lake: Lake) -> Lake:
    """The note was written in another run of the machine; and whoever held the table open is gone."""
    assert lake.place.folder is not None
    note = lake.place.folder / ".secured" / "events"
    note.write_text(json.dumps(json.loads(note.read_text()) | {"boot": "an earlier one"}))
    return Lake(lake.place.folder)


def files_of(lake: Lake, version: int) -> list[Path]:
    assert lake.place.folder is not None
    table = lake.place.folder / "events"
    lines = (table / "_delta_log" / f"{version:020d}.json").read_text().splitlines()
    return [table / unquote(action["add"]["path"]) for action in map(json.loads, lines) if "add" in action]


@pytest.mark.parametrize("how", ["zeroed", "cut", "empty", "missing", "commit cut", "commit missing", "commit empty"])
@pytest.mark.parametrize("version", [3, 4, 5])
def test_a_commit_that_lost_a_part_is_taken_back_with_its_progress(lake: Lake, version: int, how: str) -> None:
    file = files_of(lake, version)[1]
    content = file.read_bytes()
    assert lake.place.folder is not None
    commit = lake.place.folder / "events" / "_delta_log" / f"{version:020d}.json"
    if how == "zeroed":
        file.write_bytes(b"\0" * 512 + content[512:] if len(content) > 512 else b"\0" * len(content))
    elif how in ("cut", "empty"):
        file.write_bytes(content[: len(content) // 2] if how == "cut" else b"")
    elif how == "missing":
        file.unlink()
    elif how == "commit missing":
        commit.unlink()
    else:
        commit.write_bytes(commit.read_bytes()[:100] if how == "commit cut" else b"")
    again = start_of_the_machine(lake)
    told = again.recover()
    if not (how == "commit missing" and version == 5):  # then nothing tells that there ever was one
        assert len(told) == 1 and "taken back" in told[0]
    assert again.progress("events", "web-0") == version * 10
    assert sorted(again.read("events").column("n").to_pylist()) == list(range(version * 300))
    again.append("events", rows(version * 300), partition_by=["day"], progress={"web-0": 70})
    again.secure()
    assert start_of_the_machine(again).recover() == []
    assert again.missing("events") == []


def test_a_whole_lake_loses_nothing_at_a_start(lake: Lake) -> None:
    again = start_of_the_machine(lake)
    assert again.recover() == [] and again.n_rows("events") == 1800


def test_a_checkpoint_that_was_not_on_disk_is_not_believed(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    lake.append("events", rows(0), partition_by=["day"])
    lake.secure()
    for nth in range(1, 14):
        lake.append("events", rows(nth * 300), partition_by=["day"], progress={"web-0": nth})
    lake.table("events").create_checkpoint()
    log = tmp_path / "lake" / "events" / "_delta_log"
    for checkpoint in log.glob("*.checkpoint.parquet"):
        checkpoint.write_bytes(b"\0" * checkpoint.stat().st_size)
    assert (log / "_last_checkpoint").exists()
    again = start_of_the_machine(lake)
    assert again.recover() == []
    assert (again.progress("events", "web-0"), again.n_rows("events")) == (13, 14 * 300)


def test_files_joined_before_a_power_cut_are_still_there_in_pieces(lake: Lake) -> None:
    """Joining is taken back when its new file is lost: the old ones are only removed once it is on disk."""
    lake.secure()
    version = lake.version("events")
    lake.compact("events")
    for file in files_of(lake, version + 1):
        file.write_bytes(b"")
    again = start_of_the_machine(lake)
    assert len(again.recover()) == 1
    assert sorted(again.read("events").column("n").to_pylist()) == list(range(1800))


@pytest.mark.parametrize("left", ["unfinished", "ready", "dropped"])
def test_a_table_being_rewritten_is_finished_or_never_was(
    lake: Lake, left: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PowerCut(BaseException):
        pass

    def cut(*_: object) -> None:
        raise PowerCut

    where = {
        "unfinished": "ariane.store.lake.Lake.secure",
        "ready": "ariane.store.lake.Lake.drop",
        "dropped": "ariane.store.place.Place.take",
    }[left]
    with monkeypatch.context() as patched, pytest.raises(PowerCut):
        patched.setattr(where, cut)
        lake.rewrite(
            "events",
            lambda part: part.filter(pa.compute.greater(part.column("n"), 99)),
            partition_by=["day"],
            consumers=["web-0"],
        )
    assert lake.place.folder is not None
    again = Lake(lake.place.folder)
    again.recover()
    expected = range(1800) if left == "unfinished" else range(100, 1800)
    assert sorted(again.read("events").column("n").to_pylist()) == list(expected)
    assert again.progress("events", "web-0") == 60 and again.names() == ["events"]
