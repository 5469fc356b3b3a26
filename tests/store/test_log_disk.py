"""The log against a hostile machine: processes killed, disks full, folders that cannot be written."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ariane.errors import InputError, Transient
from ariane.store import SegmentLog

WRITER = """
import sys
from ariane.store import SegmentLog
name = int(sys.argv[2])
with SegmentLog(sys.argv[1], segment_bytes=20_000).writer("web-0") as writer:
    n = 0
    while True:
        group = [writer.submit([b'{"run":%d,"n":%d,"fill":"%s"}' % (name, n + k, b"z" * (k * 7))]) for k in range(20)]
        for k, future in enumerate(group):
            future.result()
            sys.stdout.write(f"{name} {n + k}\\n")
        sys.stdout.flush()
        n += 20
"""


def test_every_acknowledged_record_survives_kill_9(tmp_path: Path) -> None:
    log, moments = SegmentLog(tmp_path), random.Random(7)
    acknowledged: list[str] = []
    for run in range(20):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(run)],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert process.stdout is not None
        first = process.stdout.readline()  # it is running
        time.sleep(moments.uniform(0, 0.03))
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        acknowledged += (first + rest).decode().split("\n")[:-1]
        log.writer("web-0").close()
    found, offset = [], 0
    while (batch := log.read("web-0", offset)).next_offset > offset:
        assert batch.damaged == []
        found += [record.payload for record in batch.records]
        offset = batch.next_offset
    present = {" ".join(part.split(b":")[1].decode() for part in payload.split(b",")[:2]) for payload in found}
    assert len(acknowledged) > 400
    assert set(acknowledged) - present == set()
    assert len(found) == len(present), "a record was stored twice"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB, which only root can mount."""
    folder = tmp_path / "small"
    folder.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "ariane-test", folder], capture_output=True
        ).returncode
    ):
        pytest.skip("needs the right to mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.needs("root")
def test_a_full_disk_acknowledges_nothing_and_is_waited_out(small_disk: Path) -> None:
    log = SegmentLog(small_disk / "log")
    ballast = small_disk / "ballast"
    with log.writer("web-0") as writer:
        writer.append([b'{"before":1}'])
        ballast.write_bytes(b"0" * 600_000)
        stored = writer.end
        with pytest.raises(Transient, match="disk is full") as refused:
            while True:
                stored = writer.append([b"x" * 50_000] * 3)
        assert refused.value.retry_after_s >= 1
        assert writer.end == log.end("web-0") == stored and not writer.failed
        with pytest.raises(Transient):
            writer.append([b"x" * 500_000])
        ballast.unlink()
        writer.append([b'{"after":1}'])
        batch = log.read("web-0", 0, 1 << 22)
        assert batch.damaged == []
        assert batch.records[0].payload == b'{"before":1}' and batch.records[-1].payload == b'{"after":1}'
    with log.writer("web-0") as writer:
        assert writer.end == batch.next_offset


@pytest.mark.needs("root")
def test_a_disk_full_from_the_start_is_transient(small_disk: Path) -> None:
    (small_disk / "log").mkdir()
    try:
        with (small_disk / "ballast").open("wb", buffering=0) as ballast:
            while True:
                ballast.write(b"0" * 4096)
    except OSError:
        pass
    with pytest.raises(Transient, match="disk is full"):
        SegmentLog(small_disk / "log").writer("web-0")


@pytest.mark.needs("root")
def test_a_read_only_folder_is_a_clear_error(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(InputError, match=r"cannot be written here: Read-only file system.*may write to"):
        SegmentLog(small_disk / "log").writer("web-0")


def test_a_disk_that_fails_acknowledges_nothing_and_closes_the_writer(tmp_path: Path) -> None:
    """The descriptor is swapped under the writer for one the kernel refuses to write to."""
    log = SegmentLog(tmp_path)
    writer = log.writer("web-0")
    stored = writer.append([b'{"before":1}'])
    refusing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(refusing, writer._file)
    os.close(refusing)
    for _ in range(2):
        with pytest.raises(Transient, match="could not be written"):
            writer.append([b'{"lost":1}'])
    assert writer.failed and writer.end == log.end("web-0") == stored
    writer.close()
    with log.writer("web-0") as fresh:
        fresh.append([b'{"after":1}'])
    assert [record.payload for record in log.read("web-0", 0).records] == [b'{"before":1}', b'{"after":1}']
