"""Files to be imported, in the workspace's folder `inbox`: brought there by a browser or by hand, looked at, and read.

Nothing outside that folder is ever opened. Beside each file stands its draft of a mapping, so that what was corrected
is there again tomorrow.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import lzma
import os
import re
import tempfile
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import IO, Any

import msgspec

from ariane.errors import InputError, NotFound, Transient

FOLDER, DRAFTS = "inbox", ".drafts"
MOST_BYTES = 2 * 1024**3
FREE_BYTES = 256 * 1024**2
"""Room on the disk that a file from a browser leaves to the log."""

ENDINGS = {
    "csv": "csv", "tsv": "csv", "txt": "csv", "ndjson": "ndjson", "jsonl": "ndjson", "json": "ndjson",
    "parquet": "parquet", "xes": "xes",
}  # fmt: skip
OPENERS: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
SAMPLE_ROWS, HEAD_ROWS, HEAD_BYTES = 6, 200, 1_000_000
CELL = 120


class Dropped(msgspec.Struct, frozen=True):
    """A file of the inbox."""

    name: str
    n_bytes: int
    at_us: int


class Sample(msgspec.Struct, frozen=True):
    """The first rows of a file, as text."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def dropped(workspace: Path) -> list[Dropped]:
    """What lies in the inbox, the newest first."""
    found = []
    with suppress(FileNotFoundError):
        for entry in os.scandir(workspace / FOLDER):
            if entry.is_file(follow_symlinks=False) and not entry.name.startswith(".") and format_of(entry.name):
                stat = entry.stat()
                found.append(Dropped(entry.name, stat.st_size, stat.st_mtime_ns // 1000))
    return sorted(found, key=lambda one: (-one.at_us, one.name))


def file_of(workspace: Path, name: str) -> Path:
    """The file of that name. NotFound when the inbox holds none: a name is looked up, never followed."""
    if name not in {one.name for one in dropped(workspace)}:
        raise NotFound(f"There is no file '{name[:80]}' in the inbox.", next_step=f"Put it into {workspace / FOLDER}.")
    return workspace / FOLDER / name


def format_of(name: str) -> str:
    """What the name says the file holds; empty when it does not say.

    >>> format_of("till.CSV"), format_of("till.ndjson.gz"), format_of("till.exe")
    ('csv', 'ndjson', '')
    """
    endings = [ending.lower()[1:] for ending in Path(name).suffixes]
    if endings and f".{endings[-1]}" in (*OPENERS, ".zip"):
        endings.pop()
    return ENDINGS.get(endings[-1], "") if endings else ""


def safe(name: str) -> str:
    """A name a file may have here. InputError when its ending is not one that can be read.

    >>> safe("../../My till (1).csv"), safe("été.CSV")
    ('My_till_1_.csv', 'été.CSV')
    """
    kept = re.sub(r"[^\w.-]+", "_", name.replace("\\", "/").rsplit("/", 1)[-1]).lstrip("._-")[-120:]
    if not format_of(kept):
        raise InputError(
            f"'{kept[:60]}' does not tell what it holds.", allowed=", ".join(f".{ending}" for ending in ENDINGS)
        )
    return kept


async def take(workspace: Path, name: str, chunks: AsyncIterator[bytes]) -> Path:
    """Put what a browser sends into the inbox, whole or not at all. InputError when it is too long, Transient when the
    disk would be left without room."""
    folder = workspace / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / safe(name)
    handle, beside = tempfile.mkstemp(prefix=".coming-", dir=folder)
    n_bytes, room = 0, _room(folder)
    try:
        with os.fdopen(handle, "wb") as file:
            async for chunk in chunks:
                n_bytes += len(chunk)
                if n_bytes > MOST_BYTES:
                    raise InputError("The file is too large.", allowed=f"at most {MOST_BYTES // 1024**3} GiB",
                                     next_step=f"Put it into {folder} by hand.")  # fmt: skip
                if n_bytes > room:
                    raise Transient("The disk has no room for this file.", next_step="Make room, then send it again.")
                file.write(chunk)
        os.replace(beside, target)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(beside)
    return target


def _room(folder: Path) -> int:
    stat = os.statvfs(folder)
    return max(0, stat.f_bavail * stat.f_frsize - FREE_BYTES)


def remove(workspace: Path, name: str) -> None:
    """Remove a file and its draft."""
    file_of(workspace, name).unlink()
    with suppress(FileNotFoundError):
        draft_of(workspace, name).unlink()


def draft_of(workspace: Path, name: str) -> Path:
    """Where the draft of a file's mapping is kept."""
    return workspace / FOLDER / DRAFTS / f"{name}.toml"


def save_draft(workspace: Path, name: str, text: str) -> None:
    file = draft_of(workspace, file_of(workspace, name).name)
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")


@contextmanager
def head(file: Path) -> Iterator[Path]:
    """A file with the first 200 rows of another, for as long as it is looked at. XES and zip are given whole."""
    kind = format_of(file.name)
    if kind == "xes" or file.suffix.lower() == ".zip":
        yield file
        return
    with tempfile.TemporaryDirectory(prefix="ariane-head-") as folder:
        name = file.name.removesuffix(file.suffix) if file.suffix.lower() in OPENERS else file.name
        beside = Path(folder) / name
        if kind == "parquet":
            _first_rows(file, beside)
        else:
            beside.write_bytes(_first_lines(file))
        yield beside


def _first_lines(file: Path) -> bytes:
    try:
        with _opened(file) as lines:
            return b"".join(islice(_bounded(lines), HEAD_ROWS + 1))
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise InputError(f"The file cannot be unpacked: {error}.", where=file.name) from error


def _bounded(lines: IO[bytes]) -> Iterator[bytes]:
    n_bytes = 0
    while n_bytes < HEAD_BYTES and (line := lines.readline(HEAD_BYTES)):
        n_bytes += len(line)
        yield line


def _opened(file: Path) -> IO[bytes]:
    opened: IO[bytes] = OPENERS.get(file.suffix.lower(), open)(file, "rb")
    return opened


def _first_rows(file: Path, beside: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as table:
            batch = next(table.iter_batches(HEAD_ROWS), None)
            pq.write_table(pa.Table.from_batches([batch] if batch is not None else [], table.schema_arrow), beside)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"The file is not Parquet: {error}.", where=file.name) from error


def sample(file: Path) -> Sample:
    """The columns and the first rows of a file's head, cut to what a table can show. Empty for what is no table."""
    try:
        rows = list(islice(_rows(file), SAMPLE_ROWS))
    except (OSError, EOFError, csv.Error, UnicodeDecodeError, msgspec.DecodeError, ValueError):
        return Sample((), ())
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    return Sample(columns, tuple(tuple(_cell(row.get(name)) for name in columns) for row in rows))


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    kind = format_of(file.name)
    if kind == "csv":
        text = file.read_bytes().decode("utf-8-sig", "replace").splitlines()
        if text:
            delimiter = max(",;\t|", key=text[0].count)
            yield from csv.DictReader(text, delimiter=delimiter, restkey="…")
    elif kind == "parquet":
        import pyarrow.parquet as pq

        yield from pq.read_table(file).slice(0, SAMPLE_ROWS).to_pylist()
    elif kind == "ndjson":
        for line in file.read_bytes().splitlines():
            row = msgspec.json.decode(line) if line.strip() else None
            if isinstance(row, dict):
                yield from [dict(_flat(row))]


def _flat(row: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _cell(value: Any) -> str:
    text = "" if value is None else value if isinstance(value, str) else str(value)
    return text if len(text) <= CELL else text[: CELL - 1] + "…"
