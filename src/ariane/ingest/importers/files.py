"""Opens the file given, and only that file: plain or packed (gzip, xz, bzip2, zip), in bounded memory, line by line."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO, NamedTuple
from zipfile import BadZipFile, ZipFile

from ariane.errors import InputError, NotFound
from ariane.ingest.importers.report import Tally

CHUNK = 256 * 1024
MAX_LINE = 1024 * 1024
UNPACKER_MEMORY = 256 * 1024 * 1024
MAX_RATIO = 500
FREE_BYTES = 16 * 1024 * 1024
"""A packed file may open to 16 MiB whatever its size, and beyond that to 500 times its size, so that a few kilobytes
cannot fill a disk."""

PACKED = ("", ".gz", ".xz", ".bz2", ".zip")
ZIP = b"PK\x03\x04"


class Part(NamedTuple):
    """A file, or one file inside a zip archive."""

    path: Path
    inside: str = ""


def regular(path: Path) -> Path:
    """The path, once it is known to be a file that can be read to its end.

    Raises NotFound when nothing is there; InputError for a folder, a device or a pipe.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise NotFound(
            "No such file." if isinstance(error, FileNotFoundError) else f"The file cannot be opened: {error}.",
            where=str(path),
            next_step="Check the path.",
        ) from error
    if not S_ISREG(mode):
        raise InputError(
            "This is not a plain file.", where=str(path), allowed="a file, packed with gzip, xz or bzip2 or not"
        )
    return path


def find(folder: Path, *names: str) -> Path | None:
    """The first of the names that the folder holds, packed or not; a path that is already a file is itself.

    Raises InputError when it is a link that leads out of the folder: an import reads only what it was pointed at.
    """
    for name in names:
        for ending in PACKED:
            path = folder / f"{name}{ending}"
            if path.exists():
                if folder.resolve() not in path.resolve().parents:
                    raise InputError(
                        "This file is a link out of the folder.",
                        where=str(path),
                        allowed="files inside the folder given",
                        next_step="Copy the file into the folder.",
                    )
                return regular(path)
    return None


def need(folder: Path, *names: str) -> Path:
    """As `find`; raises NotFound naming what was looked for when there is none."""
    found = find(folder, *names) if folder.is_dir() else None
    if found is None:
        raise NotFound(
            f"There is no {names[0]} here.",
            where=str(folder),
            allowed=", ".join(names) + ", as they are or packed (.gz, .xz, .bz2)",
            next_step="Give the folder that holds the files.",
        )
    return found


def part(path: Path, *names: str) -> Part:
    """The file of one of these names: the path itself, one in that folder, or one in a zip archive of either.

    Raises NotFound naming what was looked for when there is none.
    """
    if not path.is_dir():
        return _within(regular(path), names) or Part(path)
    found = find(path, *names)
    if found is not None:
        return _within(found, names) or Part(found)
    for archive in sorted(path.glob("*.zip")):
        if held := _within(regular(archive), names, quiet=True):
            return held
    return Part(need(path, *names))


def _within(path: Path, names: tuple[str, ...], *, quiet: bool = False) -> Part | None:
    """The part of an archive that has one of these names; None when the path is no archive, or holds none quietly."""
    with path.open("rb") as file:
        if file.read(4) != ZIP:
            return None
    held = _members(path)
    for name in names:
        for member in held:
            if Path(member).name == name:
                return Part(path, member)
    if quiet:
        return None
    raise NotFound(f"There is no {names[0]} in this archive.", where=str(path), allowed=", ".join(held[:20]))


def _members(path: Path) -> list[str]:
    """What a zip archive holds, without what a Mac leaves in it."""
    try:
        with ZipFile(path) as archive:
            names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
    except (BadZipFile, OSError, ValueError) as error:
        raise InputError(
            f"The zip archive is damaged: {error}.", where=str(path), next_step="Fetch it again."
        ) from error
    return [name for name in names if "__MACOSX/" not in name and not Path(name).name.startswith(".")]


def only_member(path: Path) -> str:
    """The one file in a zip archive. InputError when there are several: a spreadsheet is such an archive too."""
    held = _members(path)
    if len(held) != 1:
        raise InputError(
            "This zip archive holds several files (a spreadsheet is one too).",
            where=str(path),
            allowed="text, Parquet, or one file packed with gzip, xz, bzip2 or zip",
            next_step="Extract the file you mean, or save the sheet as CSV.",
        )
    return held[0]


def digest_of(paths: list[Path], *settings: str) -> str:
    """What an import is recognised by: the content of its files and how they are read, as 32 hex digits."""
    digest = blake2b(digest_size=16)
    for text in settings:
        digest.update(f"{len(text)}:{text}".encode())
    for path in paths:
        with regular(path).open("rb") as file:
            digest.update(f"{path.stat().st_size}:".encode())
            while block := file.read(CHUNK):
                digest.update(block)
    return digest.hexdigest()


def chunks(path: Path, tally: Tally, inside: str = "") -> Iterator[bytes]:
    """The file's bytes, unpacked, a chunk at a time; `inside` names the one meant in a zip archive of several.

    Raises InputError when a packed file is damaged, cut short, or opens to far more than it can honestly hold.
    """
    produced = 0
    with regular(path).open("rb") as raw:
        magic = raw.read(6)
        raw.seek(0)
        try:
            for chunk in _unpacked(path, raw, magic, inside):
                produced += len(chunk)
                tally.reached(path, raw.tell())
                if produced > FREE_BYTES and produced > MAX_RATIO * raw.tell():
                    raise InputError(
                        f"The file opens to more than {MAX_RATIO} times its size.",
                        where=str(path),
                        next_step="If it is genuine, unpack it first and import the plain file.",
                    )
                yield chunk
        except (EOFError, OSError, zlib.error, lzma.LZMAError, BadZipFile, RuntimeError) as error:
            raise InputError(
                f"The file is damaged or cut short: {error}.",
                where=str(path),
                next_step="Fetch it again and run the same command: what was already read is not added twice.",
            ) from error


def _unpacked(path: Path, raw: BinaryIO, magic: bytes, inside: str) -> Iterator[bytes]:
    if magic.startswith(b"\xfd7zXZ\0"):
        yield from _unxz(raw)
        return
    if magic.startswith(ZIP):
        inside = inside or only_member(path)
        with ZipFile(raw) as archive, archive.open(inside) as member:
            while chunk := member.read(CHUNK):
                yield chunk
        return
    file: BinaryIO = raw
    if magic.startswith(b"\x1f\x8b"):
        file = gzip.GzipFile(fileobj=raw)  # type: ignore[assignment]
    elif magic.startswith(b"BZh"):
        file = bz2.BZ2File(raw)  # type: ignore[assignment]
    while chunk := file.read(CHUNK):
        yield chunk


def _unxz(raw: BinaryIO) -> Iterator[bytes]:
    """As lzma.LZMAFile, with a bound on the memory a hostile header may ask for."""
    unpacker: lzma.LZMADecompressor | None = None
    while True:
        if unpacker is None or unpacker.eof:
            rest = unpacker.unused_data.lstrip(b"\0") if unpacker is not None else b""
            packed = rest or raw.read(CHUNK)
            if not packed:
                return
            unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=UNPACKER_MEMORY)
        elif unpacker.needs_input:
            packed = raw.read(CHUNK)
            if not packed:
                raise EOFError("the end is missing")
        else:
            packed = b""
        chunk = unpacker.decompress(packed, CHUNK)
        if chunk:
            yield chunk


def lines(path: Path, tally: Tally, inside: str = "") -> Iterator[tuple[int, bytes]]:
    """The file's lines with their numbers, from 1, without their ends.

    A line longer than 1 MiB is reported as a bad row and left out. Raises InputError for UTF-16 text and archives of
    several files.
    """
    number, rest, skipping, first = 0, b"", False, True
    for chunk in chunks(path, tally, inside):
        if first:
            _refuse_foreign(path, chunk)
            chunk, first = chunk.removeprefix(b"\xef\xbb\xbf"), False
        parts = (rest + chunk).split(b"\n")
        rest = parts.pop()
        for part in parts:
            number += 1
            if skipping:
                skipping = False
            elif len(part) > MAX_LINE:
                tally.bad(path, number, "", f"the line is longer than {MAX_LINE:,} bytes")
            else:
                yield number, part.removesuffix(b"\r")
        if len(rest) > MAX_LINE:
            if not skipping:
                tally.bad(path, number + 1, "", f"the line is longer than {MAX_LINE:,} bytes")
            rest, skipping = b"", True
    if rest and not skipping:
        yield number + 1, rest.removesuffix(b"\r")


def _refuse_foreign(path: Path, start: bytes) -> None:
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError("The file is UTF-16.", where=str(path), next_step="Save it as UTF-8.")
