"""Reads rows from CSV, NDJSON and Parquet files: one at a time, bounded memory, a bad row reported and passed over."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from ariane.errors import InputError
from ariane.ingest.applying import Row
from ariane.ingest.importers.files import Part, lines, regular
from ariane.ingest.importers.report import Tally
from ariane.ingest.importers.xes import xes_rows

DELIMITERS = (",", ";", "\t", "|")
PARQUET_ROWS = 4_096
MAX_ROW_GROUP = 2 * 1024 * 1024 * 1024

Shape = TypeVar("Shape")


def read_rows(
    path: Path, tally: Tally, *, format: str, delimiter: str = "", encoding: str = "utf-8"
) -> tuple[tuple[str, ...], Iterator[Row]]:
    """The columns and the rows of a file. NDJSON and XES name no columns beforehand: there they are empty.

    Raises InputError when the file is not of the format or its header cannot be used.
    """
    if format == "csv":
        columns, rows = csv_rows(path, tally, delimiter=delimiter, encoding=encoding)
        return columns, _named(columns, rows)
    if format == "parquet":
        return _parquet_rows(path, tally)
    if format == "xes":
        return (), xes_rows(path, tally)
    return (), _json_rows(path, tally)


def csv_rows(
    path: Path, tally: Tally, *, delimiter: str = "", encoding: str = "utf-8", inside: str = ""
) -> tuple[tuple[str, ...], Iterator[tuple[int, list[str]]]]:
    """The header of a CSV file and its rows, each with the line it starts on and as many fields as the header.

    The delimiter is found in the header when it is not given. A row in another encoding, with another number of fields
    or with a field over 131,072 characters is reported as bad and left out; blank lines are counted.
    """
    texts = _Texts(path, tally, encoding, inside)
    first = next(texts, "")
    if not first.strip():
        raise InputError(
            "The file does not begin with a header.", where=str(path), next_step="Name the columns in line 1."
        )
    if not delimiter:
        delimiter = max(DELIMITERS, key=first.count)
    try:
        header = tuple(name.strip() for name in next(csv.reader([first], delimiter=delimiter)))
    except csv.Error as error:
        raise InputError(
            f"The header cannot be read: {error}.", where=f"{path}:1", next_step="End each line with a line feed."
        ) from error
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice or texts.broken:
        problem = f"names column '{twice[0]}' twice" if twice else f"is not {encoding} text"
        raise InputError(f"The header {problem}.", where=f"{path}:1", next_step="Mend the header.")
    return header, _csv_rows(path, tally, texts, delimiter, len(header))


def named_rows(
    of: Part, tally: Tally, needed: tuple[str, ...], *, delimiter: str = "", encoding: str = "utf-8"
) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV file of known columns, by name. InputError when one of `needed` is missing."""
    header, rows = csv_rows(of.path, tally, delimiter=delimiter, encoding=encoding, inside=of.inside)
    lacking = [column for column in needed if column not in header]
    if lacking:
        raise InputError(f"Column '{lacking[0]}' is missing.", where=f"{of.path}:1", allowed=", ".join(needed))
    for line, values in rows:
        yield line, dict(zip(header, values, strict=True))


class _Texts:
    """The lines of a file as text. `broken` says that a line since it was last cleared was not in the encoding."""

    def __init__(self, path: Path, tally: Tally, encoding: str, inside: str) -> None:
        self._lines, self._encoding = lines(path, tally, inside), encoding
        self.number, self.broken = 0, False

    def __iter__(self) -> _Texts:
        return self

    def __next__(self) -> str:
        self.number, line = next(self._lines)
        try:
            return line.decode(self._encoding) + "\n"
        except UnicodeDecodeError:
            self.broken = True
            return line.decode(self._encoding, "replace") + "\n"


def _csv_rows(path: Path, tally: Tally, texts: _Texts, delimiter: str, width: int) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(texts, delimiter=delimiter)
    while True:
        start = texts.number + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            tally.n_rows += 1
            tally.bad(path, start, "", str(error))
            continue
        if not values:
            tally.skip("blank line")
            continue
        tally.n_rows += 1
        if texts.broken:
            texts.broken = False
            tally.bad(path, start, "", "the text is in another encoding")
        elif len(values) != width:
            tally.bad(path, start, "", f"{len(values)} fields where the header has {width}")
        else:
            yield start, values


def _named(columns: tuple[str, ...], rows: Iterator[tuple[int, list[str]]]) -> Iterator[Row]:
    encode = msgspec.json.Encoder().encode
    header = encode(columns)
    for line, values in rows:
        yield Row(line, dict(zip(columns, values, strict=True)), encode(values), header)


def json_lines(path: Path, tally: Tally) -> Iterator[tuple[int, bytes]]:
    """The lines of an NDJSON file that hold something; blank ones are counted. InputError for a JSON array."""
    for number, line in lines(path, tally):
        text = line.strip()
        if not text:
            tally.skip("blank line")
            continue
        if number == 1 and text.startswith(b"["):
            raise InputError(
                "The file is one JSON array.",
                where=str(path),
                allowed="one JSON object a line",
                next_step="Rewrite it with: jq -c '.[]'",
            )
        tally.n_rows += 1
        yield number, text


def typed_lines(path: Path, tally: Tally, shape: type[Shape]) -> Iterator[tuple[bytes, Shape]]:
    """The lines of an NDJSON file read as `shape`, each with its text; what does not fit is a bad row."""
    decode = msgspec.json.Decoder(shape).decode
    for number, text in json_lines(path, tally):
        try:
            value = decode(text)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            tally.bad(path, number, "", f"{error}")
            continue
        yield text, value


def _json_rows(path: Path, tally: Tally) -> Iterator[Row]:
    decode = msgspec.json.Decoder().decode
    for number, text in json_lines(path, tally):
        try:
            values = decode(text)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            tally.bad(path, number, "", f"not JSON: {error}")
            continue
        if isinstance(values, dict):
            yield Row(number, values, text)
        else:
            tally.bad(path, number, "", "not a JSON object")


def _parquet_rows(path: Path, tally: Tally) -> tuple[tuple[str, ...], Iterator[Row]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(regular(path))
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"The file is not Parquet: {error}.", where=str(path)) from error
    groups = file.metadata.num_row_groups
    largest = max((file.metadata.row_group(at).total_byte_size for at in range(groups)), default=0)
    if largest > MAX_ROW_GROUP:
        raise InputError(
            f"A row group takes {largest:,} bytes.",
            where=str(path),
            allowed=f"at most {MAX_ROW_GROUP:,}",
            next_step="Write the file again with smaller row groups.",
        )

    def rows() -> Iterator[Row]:
        encode = msgspec.json.Encoder(enc_hook=str).encode
        line, size, total = 0, path.stat().st_size, max(file.metadata.num_rows, 1)
        try:
            for batch in file.iter_batches(batch_size=PARQUET_ROWS):
                names = batch.schema.names
                header = encode(names)
                for cells in zip(*[column.to_pylist() for column in batch.columns], strict=True):
                    line += 1
                    tally.n_rows += 1
                    yield Row(line, dict(zip(names, cells, strict=True)), encode(cells), header)
                tally.reached(path, size * line // total)
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"The file is damaged after row {line}: {error}.", where=str(path)) from error

    return tuple(file.schema_arrow.names), rows()
