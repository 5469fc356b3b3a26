"""Any table with a mapping file: CSV, NDJSON, Parquet or XES, each row one event or several."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from itertools import groupby, islice
from pathlib import Path

from ariane.errors import InputError
from ariane.ingest.applying import Applied, Row, opened
from ariane.ingest.finding import Unreadable, look_up
from ariane.ingest.importers.files import only_member, regular
from ariane.ingest.importers.job import Importer, Job
from ariane.ingest.importers.report import Tally
from ariane.ingest.importers.rows import read_rows
from ariane.ingest.importers.xes import usual_mapping, xes_rows
from ariane.ingest.mapping import Mapping, near, reads_of
from ariane.ingest.record import Record

ENDINGS = {
    "csv": "csv",
    "tsv": "csv",
    "txt": "csv",
    "ndjson": "ndjson",
    "jsonl": "ndjson",
    "json": "ndjson",
    "parquet": "parquet",
    "xes": "xes",
}
MOST_PARTS = 10_000
MOST_REASONS = 50


def format_of(path: Path) -> str:
    """The format the file's name tells. InputError when it does not.

    >>> format_of(Path("sales.csv.gz"))
    'csv'
    """
    named = Path(only_member(path)) if path.suffix.lower() == ".zip" and path.is_file() else path
    for ending in reversed(named.suffixes):
        if ending.lower()[1:] in ENDINGS:
            return ENDINGS[ending.lower()[1:]]
    raise InputError(
        "The name does not tell what the file holds.",
        where=str(path),
        allowed="csv, ndjson, parquet, xes",
        next_step="Give the file an ending that says it.",
    )


def source_records(kind: str, job: Job) -> Iterator[Record]:
    """The records of a file of a kind of source, in the format its mapping or else its name says."""
    written = job.mapping.format if job.mapping is not None else ""
    yield from records(written or format_of(job.path), job, prefix=f"{kind}:")


def records(format: str, job: Job, prefix: str = "") -> Iterator[Record]:
    """The records of a table in that format under its mapping. Their ids begin with `prefix`, else with their event.

    Raises InputError when there is no mapping, it is for another format, or it names a column the file does not have.
    """
    mapping = job.mapping
    if mapping is None and format == "xes":
        yield from _as_usual(job)
        return
    if mapping is None:
        raise InputError(
            "A table needs a mapping.", where=str(job.path), next_step="Have one proposed, read it, and give it."
        )
    if mapping.format not in ("", format):
        raise InputError(
            f"The mapping is for {mapping.format}, not {format}.",
            where=str(job.path),
            next_step=f"Import the file as {mapping.format}, or mend 'format' in the mapping.",
        )
    columns, rows = read_rows(
        job.path, job.tally, format=format, delimiter=mapping.delimiter, encoding=mapping.encoding
    )
    if columns:
        _check_columns(mapping, columns, job.path)
    applied = Applied(mapping, job.tally.identity, prefix)
    for row in _as_rows(rows, mapping, job):
        yield from _made(applied, row, job)


def _as_usual(job: Job) -> Iterator[Record]:
    """The records of a process log without a mapping: each event says by its attributes what it has to tell."""

    @lru_cache(256)
    def applied(columns: tuple[str, ...]) -> Applied:
        return Applied(usual_mapping(columns), job.tally.identity)

    for row in xes_rows(job.path, job.tally):
        yield from _made(applied(tuple(row.values)), row, job)


def _made(applied: Applied, row: Row, job: Job) -> list[Record]:
    tally, mapping = job.tally, applied.mapping
    reason = applied.left_out(row)
    if reason:
        tally.skip(reason)
        return []
    try:
        made = applied.records(row, job.source, job.received_us)
    except Unreadable as error:
        tally.bad(job.path, row.line, error.field, error.problem)
        return []
    if made.unfit:
        tally.skip(made.unfit if len(tally.skipped) < MOST_REASONS else "no event for other values")
    return made.records if mapping.keep_duplicates else _new(made.records, tally)


def _new(records: list[Record], tally: Tally) -> list[Record]:
    """Those not seen before: a row that comes again with more in it adds what is new."""
    before = tally.n_duplicates
    new = [record for record in records if not tally.seen(record.message_id.encode())]
    tally.n_duplicates = before + (1 if records and not new else 0)
    return new


def _as_rows(rows: Iterator[Row], mapping: Mapping, job: Job) -> Iterator[Row]:
    """The rows the mapping means: elements of a list inside each, or several put together."""
    if mapping.rows:
        for row in rows:
            inside = list(opened(row, mapping.rows))
            if not inside:
                job.tally.skip(f"nothing under '{mapping.rows}'")
            yield from inside
    elif mapping.group:
        for _, together in groupby(rows, key=lambda row: [look_up(row.values, column) for column in mapping.group]):
            parts = list(islice(together, MOST_PARTS + 1))
            if len(parts) > MOST_PARTS:
                problem = f"more than {MOST_PARTS:,} rows belong together"
                job.tally.bad(job.path, parts[0].line, mapping.group[0], problem)
                continue
            content = b"\n".join(part.content for part in parts)
            yield Row(
                parts[0].line, {**parts[0].values, "rows": [part.values for part in parts]}, content, parts[0].header
            )
    else:
        yield from rows


def _check_columns(mapping: Mapping, columns: tuple[str, ...], path: Path) -> None:
    """Every column the mapping names must be there; of several, one."""
    there = {*columns, "rows"} if mapping.group else set(columns)
    for named, field in reads_of(mapping):
        if not any(column in there or column.split(".")[0] in there for column in named):
            raise InputError(
                f"{field}: there is no column '{named[0]}'{near(named[0], columns)}",
                where=str(path),
                allowed=", ".join(columns[:40]),
                next_step="Mend the mapping.",
            )


def one_file(path: Path) -> list[Path]:
    """The file a table is read from."""
    return [regular(path)]


_KINDS = {
    "csv": "A CSV file with a mapping",
    "ndjson": "A file of one JSON object a line, with a mapping",
    "parquet": "A Parquet file with a mapping",
    "xes": "A process log (IEEE 1849), with a mapping or without (file)",
}
TABLES = tuple(Importer(kind, about, one_file, partial(records, kind)) for kind, about in _KINDS.items())
