"""What the log promises: acknowledged is on disk, damage costs one record, one writer, nothing read too early."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ariane.errors import Conflict, InputError, Transient
from ariane.store import SegmentLog

RECORDS = [b'{"n":%d,"text":"%s"}' % (n, b"x" * (n % 7)) for n in range(12)]


def everything(
    log: SegmentLog, partition: str = "web-0", max_bytes: int = 1 << 20
) -> tuple[list[bytes], list[tuple[int, int]]]:
    """All payloads and all damage, read as a consumer would."""
    payloads, damaged, offset = [], [], log.start(partition)
    while True:
        batch = log.read(partition, offset, max_bytes)
        payloads += [record.payload for record in batch.records]
        damaged += batch.damaged
        if batch.next_offset == offset:
            return payloads, damaged
        offset = batch.next_offset


def written(folder: Path, payloads: list[bytes] = RECORDS) -> SegmentLog:
    log = SegmentLog(folder)
    with log.writer("web-0") as writer:
        writer.append(payloads)
    return log


def only_segment(log: SegmentLog) -> Path:
    (path,) = (log.root / "web-0").glob("*.log")
    return path


def test_appended_records_come_back_in_order_with_their_offsets(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path)
    with log.writer("web-0") as writer:
        first = writer.append(RECORDS[:5])
        futures = [writer.submit([payload]) for payload in RECORDS[5:]]
        ends = [future.result() for future in futures]
        assert ends == sorted(ends) and ends[-1] == writer.end == log.end("web-0")
    batch = log.read("web-0", 0)
    assert [record.payload for record in batch.records] == RECORDS
    assert batch.records[5].offset == first
    assert [record.end for record in batch.records[:-1]] == [record.offset for record in batch.records[1:]]
    assert log.read("web-0", batch.next_offset).records == []
    assert log.partitions() == ["web-0"]


def test_what_does_not_exist_is_empty_and_nothing_is_created(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path / "log")
    assert log.partitions() == [] and log.start("web-0") == log.end("web-0") == 0
    assert log.read("web-0", 0).records == []
    assert not (tmp_path / "log").exists()


def test_names_that_leave_the_folder_are_refused(tmp_path: Path) -> None:
    for name in ("../x", "", "a/b", "A", ".hidden", "x" * 65):
        with pytest.raises(InputError):
            SegmentLog(tmp_path).end(name)


def test_a_payload_with_a_line_break_is_refused_and_nothing_of_it_is_stored(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path)
    with log.writer("web-0") as writer:
        with pytest.raises(InputError):
            writer.append([b"{}", b"{\n}"])
        writer.append([b"{}"])
    assert everything(log) == ([b"{}"], [])


def test_a_torn_tail_of_any_length_is_cut_on_open(tmp_path: Path) -> None:
    log = written(tmp_path)
    whole = only_segment(log).read_bytes()
    boundary = log.end("web-0")
    torn = b"".join((b"0badc0de", b' {"torn":"', b"y" * 20))
    last_line = whole[whole.rfind(b"\n", 0, -1) + 1 :]
    for tail in [last_line[:cut] for cut in range(1, len(last_line))] + [
        torn,
        torn + b"\n",
        b"\0" * 4096,
        b"\n",
        b"\n\n",
    ]:
        only_segment(log).write_bytes(whole + tail)
        assert everything(log)[0] == RECORDS, "an unacknowledged tail was read"
        with log.writer("web-0") as writer:
            assert writer.end == boundary
        assert only_segment(log).read_bytes() == whole


def test_whole_records_past_the_mark_are_kept(tmp_path: Path) -> None:
    """A power cut may lose the mark's last moves; the records it should have covered are on disk."""
    log = written(tmp_path)
    (tmp_path / "web-0" / "durable").write_bytes(b"")
    assert everything(log) == ([], [])
    with log.writer("web-0"):
        pass
    assert everything(log) == (RECORDS, [])


def test_a_flipped_bit_anywhere_costs_that_record_only(tmp_path: Path) -> None:
    log = written(tmp_path, RECORDS[:4])
    whole = only_segment(log).read_bytes()
    starts = [record.offset for record in log.read("web-0", 0).records] + [len(whole)]
    for position in range(len(whole)):
        for bit in (0, 3, 6):
            flipped = bytearray(whole)
            flipped[position] ^= 1 << bit
            only_segment(log).write_bytes(bytes(flipped))
            struck = max(n for n, start in enumerate(starts[:-1]) if start <= position)
            payloads, damaged = everything(log)
            assert payloads == [payload for n, payload in enumerate(RECORDS[:4]) if n != struck]
            assert damaged and all(starts[struck] <= at and at + length <= starts[struck + 1] for at, length in damaged)
    with log.writer("web-0") as writer:
        assert writer.end == len(whole), "acknowledged bytes were cut because they are damaged"


def test_bytes_that_went_missing_are_reported_and_offsets_never_reused(tmp_path: Path) -> None:
    log = written(tmp_path)
    end = log.end("web-0")
    path = only_segment(log)
    path.write_bytes(path.read_bytes()[: end // 2])
    with log.writer("web-0") as writer:
        assert writer.end == end
        writer.append([b'{"after":1}'])
    payloads, damaged = everything(log)
    assert payloads[-1] == b'{"after":1}' and payloads[:-1] == RECORDS[: len(payloads) - 1]
    assert sum(length for _, length in damaged) > 0 and damaged[-1][0] + damaged[-1][1] == end


def test_segments_rotate_by_size_are_sealed_and_can_be_retired(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, segment_bytes=200)
    with log.writer("web-0") as writer:
        for payload in RECORDS * 3:
            writer.append([payload])
    files = sorted((tmp_path / "web-0").glob("*.log"))
    assert len(files) > 3 and all(len(file.name) == 24 for file in files)
    assert [int(file.stem) for file in files[1:]] == [int(a.stem) + a.stat().st_size for a in files[:-1]]
    sealed = {file: file.read_bytes() for file in files[:-1]}
    with log.writer("web-0") as writer:
        writer.append(RECORDS)
        middle = int(files[2].stem)
        assert all(file.read_bytes() == content for file, content in sealed.items())
        assert log.retire("web-0", middle + 1) == log.start("web-0") == middle
        assert log.retire("web-0", 1 << 60) == log.start("web-0") <= log.end("web-0")
    assert log.read("web-0", 0).records[0].offset == log.start("web-0")
    with log.writer("web-0") as writer:
        assert writer.append([b"{}"]) == log.end("web-0")


def test_a_second_writer_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    import os

    log = SegmentLog(tmp_path)
    with log.writer("web-0"):
        with pytest.raises(Conflict, match=f"Process {os.getpid()} "):
            log.writer("web-0")
        with log.writer("web-1"):
            assert log.partitions() == ["web-0", "web-1"]
    with log.writer("web-0"):
        pass


def test_a_closed_writer_has_stored_what_was_queued_and_takes_no_more(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path)
    writer = log.writer("web-0")
    futures = [writer.submit([payload]) for payload in RECORDS]
    writer.close()
    writer.close()
    assert [future.result(0) for future in futures][-1] == log.end("web-0")
    with pytest.raises(Transient):
        writer.submit([b"{}"])


def test_a_waiter_that_gives_up_stops_nobody(tmp_path: Path) -> None:
    with SegmentLog(tmp_path).writer("web-0") as writer:
        futures = [writer.submit([payload]) for payload in RECORDS]
        assert not any(future.cancel() for future in futures)
        assert futures[-1].result() == writer.end


def test_a_writer_that_cannot_queue_more_says_so(tmp_path: Path) -> None:
    from ariane.store.log import LogWriter

    with LogWriter(tmp_path / "web-0", max_pending_bytes=100_000) as writer:
        futures = []
        with pytest.raises(Transient, match="does not keep up"):
            for _ in range(100_000):
                futures.append(writer.submit([b"x" * 50_000]))
        assert [future.result() for future in futures][-1] > 0


def test_a_record_larger_than_the_read_is_still_returned(tmp_path: Path) -> None:
    log = written(tmp_path, [b"a", b"b" * 300_000, b"c"])
    assert everything(log, max_bytes=1) == ([b"a", b"b" * 300_000, b"c"], [])


step = st.one_of(
    st.tuples(st.just("append"), st.lists(st.binary(max_size=60).filter(lambda b: b"\n" not in b), max_size=6)),
    st.tuples(st.just("reopen"), st.none()),
    st.tuples(st.just("read"), st.tuples(st.floats(0, 1), st.integers(1, 200))),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(step, max_size=12), segment_bytes=st.integers(1, 400))
def test_it_behaves_as_a_list_of_payloads(
    tmp_path_factory: pytest.TempPathFactory, steps: list, segment_bytes: int
) -> None:
    log = SegmentLog(tmp_path_factory.mktemp("log"), segment_bytes=segment_bytes)
    writer, model = log.writer("web-0"), []
    try:
        for action, argument in steps:
            if action == "append":
                start = writer.end
                for payload in argument:
                    model.append((start, payload))
                    start += len(payload) + 10
                assert writer.append(argument) == start
            elif action == "reopen":
                writer.close()
                writer = log.writer("web-0")
            else:
                share, max_bytes = argument
                offset = int(share * log.end("web-0"))
                found, at = [], offset
                while (batch := log.read("web-0", at, max_bytes)).next_offset > at:
                    found += [(record.offset, record.payload) for record in batch.records]
                    at = batch.next_offset
                # From inside a record, reading resumes at the next one.
                assert found == [(start, payload) for start, payload in model if start >= offset]
            assert log.end("web-0") == writer.end
    finally:
        writer.close()
