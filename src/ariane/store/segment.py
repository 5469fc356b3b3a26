"""What a log partition looks like on disk: segment files of checksummed lines, and the mark of what is durable.

A partition is a folder. A segment file is named by the 20-digit offset of its first byte; offsets count the bytes of
the whole partition. A record is one line: eight hexadecimal digits (the CRC-32 of the payload), a space, the payload,
a newline. `durable` holds eight bytes, the offset up to which everything is on disk; no reader goes past it.
"""

from __future__ import annotations

import os
import re
from binascii import crc32, hexlify
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from struct import pack
from typing import NamedTuple

import msgspec

from ariane.errors import InputError

OVERHEAD = 10
"""Bytes a record takes beside its payload: checksum, space, newline."""

_CHECKSUM = re.compile(rb"[0-9a-f]{8} ")


class LogRecord(msgspec.Struct, frozen=True, gc=False):
    """One payload, and the offset of its line."""

    offset: int
    payload: bytes

    @property
    def end(self) -> int:
        return self.offset + len(self.payload) + OVERHEAD


class Segment(NamedTuple):
    """A file of a partition and the offset of its first byte."""

    start: int
    path: Path


def frame(payloads: Sequence[bytes]) -> bytes:
    """The lines that store these payloads. Raises InputError when one holds a newline.

    >>> frame([b"{}"])
    b'a3a6bf43 {}\\n'
    """
    if b"\n" in b"".join(payloads):  # copying and one search cost half of counting
        raise InputError(
            "A log record holds a line break.", allowed="one line of JSON", next_step="Encode it without indentation."
        )
    n = len(payloads)
    checksums = hexlify(pack(f">{n}I", *map(crc32, payloads)))  # all at once: formatting each cost as much as counting
    parts = [b" "] * (4 * n)
    parts[0::4] = [checksums[at : at + 8] for at in range(0, 8 * n, 8)]
    parts[2::4] = payloads
    parts[3::4] = [b"\n"] * n
    return b"".join(parts)


def parse(block: bytes, base: int) -> tuple[list[LogRecord], list[tuple[int, int]]]:
    """Read lines: the records that pass their checksum, and (offset, length) of each that does not.

    `base` is the offset of the block's first byte. A last line without its newline counts as damaged. A damaged line
    that does not begin as a record does, right after another, is that one's rest: a newline came to stand inside it.
    """
    lines = block.split(b"\n")
    tail = lines.pop()
    payloads = [line[9:] for line in lines]
    damaged: list[tuple[int, int]] = []
    checksums = hexlify(pack(f">{len(lines)}I", *map(crc32, payloads)), b" ", 4) + b" "
    if lines and b"".join([line[:9] for line in lines]) == checksums:  # as nearly always: all at once, as in `frame`
        offsets = accumulate([len(line) + 1 for line in lines], initial=base)
        records, offset = list(map(LogRecord, offsets, payloads)), base + len(block) - len(tail)
    else:
        records, damaged, offset = _parse_each(lines, base)
    if tail:
        _note(damaged, offset, tail)
    return records, damaged


def _parse_each(lines: list[bytes], base: int) -> tuple[list[LogRecord], list[tuple[int, int]], int]:
    records: list[LogRecord] = []
    damaged: list[tuple[int, int]] = []
    add, offset = records.append, base
    for line in lines:
        payload = line[9:]
        if b"%08x " % crc32(payload) == line[:9]:
            add(LogRecord(offset, payload))
        else:
            start = _surviving(line)
            if start is None:
                _note(damaged, offset, line + b"\n")
            else:
                damaged.append((offset, start))
                add(LogRecord(offset + start, line[start + 9 :]))
        offset += len(line) + 1
    return records, damaged, offset


def _note(damaged: list[tuple[int, int]], offset: int, line: bytes) -> None:
    if damaged and sum(damaged[-1]) == offset and not _CHECKSUM.match(line):
        damaged[-1] = (damaged[-1][0], damaged[-1][1] + len(line))
    else:
        damaged.append((offset, len(line)))


def _surviving(line: bytes) -> int | None:
    """Where a good record starts inside a damaged line: the newline before it was what got damaged."""
    for match in _CHECKSUM.finditer(line, 1):
        if crc32(line[match.end() :]) == int(match[0], 16):
            return match.start()
    return None


def good_length(block: bytes) -> int:
    """How many bytes of the block, from its first, end with a record that passes its checksum."""
    whole = block.rfind(b"\n") + 1
    while whole:
        start = block.rfind(b"\n", 0, whole - 1) + 1
        line = block[start : whole - 1]
        if b"%08x " % crc32(line[9:]) == line[:9]:
            return whole
        whole = start
    return 0


def segments(folder: Path) -> list[Segment]:
    """The partition's segments in order; none when the folder does not exist."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    starts = sorted(
        int(name[:20]) for name in names if len(name) == 24 and name.endswith(".log") and name[:20].isdigit()
    )
    return [Segment(start, segment_path(folder, start)) for start in starts]


def segment_path(folder: Path, start: int) -> Path:
    return folder / f"{start:020d}.log"


def durable_end(folder: Path) -> int:
    """The mark of what is on disk; 0 when it was never written or is unreadable."""
    try:
        mark = (folder / "durable").read_bytes()
    except FileNotFoundError:
        return 0
    return int.from_bytes(mark, "big") if len(mark) == 8 else 0


def sync_folder(folder: Path) -> None:
    """Make the folder's list of files durable: without it a power cut may forget a new file."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, block: bytes) -> None:
    """`os.write` until everything is written: a nearly full disk takes a part first."""
    written = os.write(descriptor, block)
    while written < len(block):
        written += os.write(descriptor, memoryview(block)[written:])


def rewrite_segment(path: Path, kept: Callable[[bytes], bytes]) -> int:
    """Write the segment anew with each good payload passed through `kept`, which keeps its length; how many changed.
    One in which nothing changes is only read.

    Lines that fail their checksum are blanked: what cannot be read cannot be shown to be free of anybody.
    """
    changed: dict[int, bytes] = {}
    with path.open("rb") as old:
        for at, line in enumerate(old):
            if (anew := _rewritten(line, kept)) != line:
                if len(anew) != len(line):
                    raise InputError("A record would change its length.", where=str(path))
                changed[at] = anew
    if changed:
        beside = path.with_suffix(".rewriting")
        with path.open("rb") as old, beside.open("wb") as new:
            for at, line in enumerate(old):
                new.write(changed.get(at, line))
            new.flush()
            os.fsync(new.fileno())
        beside.replace(path)
        sync_folder(path.parent)
    return len(changed)


def _rewritten(line: bytes, kept: Callable[[bytes], bytes]) -> bytes:
    payload = line[9:-1]
    if line.endswith(b"\n") and b"%08x " % crc32(payload) == line[:9]:
        replaced = kept(payload)
        return line if replaced == payload else frame([replaced])
    start = _surviving(line.removesuffix(b"\n"))
    if start is not None and start >= OVERHEAD and line.endswith(b"\n"):
        return _blank(line[:start]) + _rewritten(line[start:], kept)
    return _blank(line)


def _blank(line: bytes) -> bytes:
    """Spaces in the place of what cannot be read: a record of them where there is room for one."""
    if len(line) < OVERHEAD:
        return b" " * (len(line) - 1) + b"\n"
    return frame([b" " * (len(line) - OVERHEAD)])
