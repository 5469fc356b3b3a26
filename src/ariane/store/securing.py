"""What keeps the lake whole when the power goes: its writers do not wait for the disk, so somebody must.

`secure` waits until everything a table's commits wrote is on disk and notes up to which version. After a start of the
machine `mend` looks at the commits above that note: a commit that lost a file, or a part of one, is taken back with all
that follow it, and with it goes the progress it carried, so its events are read from the log again. A process that was
killed loses nothing that the kernel holds: within one run of the machine nothing is looked at.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from ariane.store.place import LOG
from ariane.store.segment import sync_folder

_COMMIT = re.compile(r"(\d{20})\.(json|checkpoint\..*parquet)")


class Secured(msgspec.Struct, frozen=True):
    """The newest version known to be on disk, and the run of the machine in which that was noted."""

    version: int
    boot: str


class _Added(msgspec.Struct):
    path: str
    size: int


class _Action(msgspec.Struct):
    add: _Added | None = None


_action = msgspec.json.Decoder(_Action)


def boot_id() -> str:
    """A name for this run of the machine; empty where the system has none, and then every start is taken for one."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def secured(note: Path) -> Secured | None:
    """What the note says; None when there is none that can be read."""
    try:
        return msgspec.json.decode(note.read_bytes(), type=Secured)
    except (OSError, msgspec.DecodeError):
        return None


def secure(table: Path, note: Path, version: int) -> None:
    """Return when the table is on disk up to `version`, having noted it. OSError when the disk refuses."""
    known = secured(note)
    if known == Secured(version, boot_id()):
        return
    _flush(table)
    note.parent.mkdir(exist_ok=True)
    draft = note.with_suffix(".part")
    with draft.open("wb") as file:
        file.write(msgspec.json.encode(Secured(version, boot_id())))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(note)
    sync_folder(note.parent)


def _flush(table: Path) -> None:
    """Everything of the table's file system that waits to be written: one call, however many files there are."""
    if sys.platform == "linux":
        folder = os.open(table, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if ctypes.CDLL(None, use_errno=True).syncfs(folder) != 0:
                code = ctypes.get_errno()
                raise OSError(code, os.strerror(code), str(table))
        finally:
            os.close(folder)
    else:
        os.sync()


def mend(table: Path, note: Path) -> int:
    """Take back the first commit above the note that is not whole, and all after it; how many were."""
    known = secured(note)
    if known is None or (known.boot and known.boot == boot_id()):
        return 0
    commits = sorted(file for file in (table / LOG).glob("*.json") if _COMMIT.fullmatch(file.name))
    later = [commit for commit in commits if int(commit.stem) > known.version]
    expected = known.version + 1
    for nth, commit in enumerate(later):
        if int(commit.stem) != expected + nth or not _is_whole(table, commit):
            _take_back(table / LOG, int(commit.stem))
            return len(later) - nth
    _drop_checkpoints(table / LOG, known.version + 1)  # they only save reading, and were not waited for either
    return 0


def _is_whole(table: Path, commit: Path) -> bool:
    try:
        return all(_reads(table / unquote(added.path), added.size) for added in _added(commit))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return False


def _added(commit: Path) -> Iterator[_Added]:
    text = commit.read_bytes()
    if not text.strip():
        raise OSError(f"{commit} is empty")
    for line in text.splitlines():
        action = _action.decode(line)
        if action.add is not None:
            yield action.add


def _reads(file: Path, size: int) -> bool:
    """Whether every page of the file can be read. Zeros where a page was lost are no compressed page."""
    if not file.exists() or file.stat().st_size != size:
        return False
    try:
        with pq.ParquetFile(file) as opened:
            for _ in opened.iter_batches():
                pass
    except (pa.ArrowException, OSError, ValueError):
        return False
    return True


def _take_back(log: Path, first: int) -> None:
    for file in sorted(log.iterdir(), reverse=True):  # the newest first: what is left is always a table
        named = _COMMIT.fullmatch(file.name)
        if named and named[2] == "json" and int(named[1]) >= first:
            file.unlink()
    _drop_checkpoints(log, first)
    sync_folder(log)


def _drop_checkpoints(log: Path, first: int) -> None:
    (log / "_last_checkpoint").unlink(missing_ok=True)
    for file in list(log.iterdir()):
        named = _COMMIT.fullmatch(file.name)
        if named and named[2] != "json" and int(named[1]) >= first:
            file.unlink()
