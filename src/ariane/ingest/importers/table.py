"""Any table with a mapping file: CSV, NDJSON or Parquet, each row one event or several."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

from ariane.errors import InputError
from ariane.ingest.convert import instant, number, plain, reader
from ariane.ingest.importers.files import regular
from ariane.ingest.importers.job import Importer, Job
from ariane.ingest.importers.rows import Row, look_up, read_rows
from ariane.ingest.mapping import Column, EventRule, Field, Mapping, Skip, columns_of, near
from ariane.ingest.record import Record

ENDINGS = {
    "csv": "csv",
    "tsv": "csv",
    "txt": "csv",
    "ndjson": "ndjson",
    "jsonl": "ndjson",
    "json": "ndjson",
    "parquet": "parquet",
}


MAX_ID = 128


class Unreadable(Exception):
    """A row's field that is not what the mapping says it is."""

    def __init__(self, field: str, problem: str) -> None:
        self.field, self.problem = field, problem


def format_of(path: Path) -> str:
    """The format the file's name tells. InputError when it does not.

    >>> format_of(Path("sales.csv.gz"))
    'csv'
    """
    for ending in reversed(path.suffixes):
        if ending.lower()[1:] in ENDINGS:
            return ENDINGS[ending.lower()[1:]]
    raise InputError(
        "The name does not tell what the file holds.",
        where=str(path),
        allowed="csv, ndjson, parquet",
        next_step="Give the file an ending that says it.",
    )


def records(format: str, job: Job) -> Iterator[Record]:
    """The records of a table in that format under its mapping.

    Raises InputError when there is no mapping, it is for another format, or it names a column the file does not have.
    """
    mapping = job.mapping
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
    missing = frozenset(mapping.missing)
    events = [
        (f"/{at}" if at else "", rule, _properties_of(rule, mapping, missing)) for at, rule in enumerate(mapping.events)
    ]
    for row in rows:
        reason = _left_out(row, mapping, missing)
        if reason:
            job.tally.skip(reason)
            continue
        identity = _identity_of(row, mapping)
        if not mapping.keep_duplicates and job.tally.seen(identity.encode()):
            continue
        try:
            yield from list(_events_of(row, job, mapping, events, missing, identity))
        except Unreadable as error:
            job.tally.bad(job.path, row.line, error.field, error.problem)


def _check_columns(mapping: Mapping, columns: tuple[str, ...], path: Path) -> None:
    for column, field in columns_of(mapping).items():
        if column not in columns and column.split(".")[0] not in columns:
            raise InputError(
                f"{field}: there is no column '{column}'{near(column, columns)}",
                where=str(path),
                allowed=", ".join(columns[:40]),
                next_step="Mend the mapping.",
            )


def _identity_of(row: Row, mapping: Mapping) -> str:
    """What makes the row itself: its message id columns; else its content, with its line when repeats are kept."""
    if mapping.message_id:
        parts = [look_up(row.values, column) for column in mapping.message_id]
        if all(part not in (None, "") for part in parts):
            written = "/".join(str(part) for part in parts)
            return written if len(written) <= MAX_ID else blake2b(written.encode(), digest_size=12).hexdigest()
    digest = blake2b(row.content, digest_size=12)
    if mapping.keep_duplicates:
        digest.update(f"#{row.line}".encode())
    return digest.hexdigest()


def _left_out(row: Row, mapping: Mapping, missing: frozenset[str]) -> str:
    for rule in mapping.skip:
        value = look_up(row.values, rule.column)
        if _skips(rule, value, missing, mapping.decimal_comma):
            return rule.reason or f"rule on {rule.column}"
    return ""


def _skips(rule: Skip, value: Any, missing: frozenset[str], decimal_comma: bool) -> bool:
    absent = value is None or (isinstance(value, str) and value.strip() in missing)
    if rule.empty is not None:
        return absent == rule.empty
    if absent:
        return False
    if rule.equals is not None:
        return str(value) in rule.equals
    try:
        amount = number(value, decimal_comma)
    except (TypeError, ValueError):
        return False
    return (rule.below is not None and amount < rule.below) or (rule.above is not None and amount > rule.above)


Reader = Callable[[Any], Any]


def _properties_of(rule: EventRule, mapping: Mapping, missing: frozenset[str]) -> list[tuple[str, Field, Reader]]:
    given = [(key, Field(field) if isinstance(field, str) else field) for key, field in rule.properties.items()]
    return [(key, field, reader(field.type, mapping.decimal_comma, rule.timestamp.timezone)) for key, field in given]


def _events_of(
    row: Row, job: Job, mapping: Mapping, events: list[tuple[str, EventRule, list[tuple[str, Field, Reader]]]],
    missing: frozenset[str], identity: str,
) -> Iterator[Record]:  # fmt: skip
    values = row.values

    def text_of(column: str) -> str | None:
        value = look_up(values, column) if column else None
        text = "" if value is None else str(value).strip()
        return None if text in missing or not text else text

    def said(field: str, given: str | Column) -> str:
        if isinstance(given, str):
            return given
        text = text_of(given.column)
        if text is None:
            raise Unreadable(given.column, f"empty, and it gives the {field}")
        return text

    user_id, anonymous_id = text_of(mapping.user_id), text_of(mapping.anonymous_id)
    context = _context_of(mapping, text_of, said("channel", mapping.channel))
    for key, rule, properties in events:
        happened = text_of(rule.timestamp.column)
        if happened is None:
            if rule.optional:
                continue
            raise Unreadable(rule.timestamp.column, "empty, and it gives the time")
        name = said("event's name", rule.name)
        yield Record(
            source=job.source,
            message_id=identity + key,
            type=rule.type,
            received_us=job.received_us,
            event=name if rule.type == "track" else None,
            name=name if rule.type in ("page", "screen") else None,
            timestamp=_instant_of(values, rule),
            anonymous_id=anonymous_id,
            user_id=user_id,
            properties=_filled(values, properties, missing),
            context=context,
        )


def _instant_of(values: dict[str, Any], rule: EventRule) -> str:
    value = look_up(values, rule.timestamp.column)
    try:
        return instant(value, rule.timestamp.format, rule.timestamp.timezone)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise Unreadable(
            rule.timestamp.column, f"{_shown(value)} is not an instant ({rule.timestamp.format})"
        ) from error


def _filled(
    values: dict[str, Any], properties: list[tuple[str, Field, Reader]], missing: frozenset[str]
) -> dict[str, Any]:
    filled: dict[str, Any] = {}
    for key, field, read in properties:
        if not field.column:
            filled[key] = field.value
            continue
        value = look_up(values, field.column)
        if value is None or (isinstance(value, str) and value.strip() in missing):
            continue
        try:
            filled[key] = read(value)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise Unreadable(field.column, f"{_shown(value)} is not a value of type {field.type or 'json'}") from error
    return filled


def _context_of(mapping: Mapping, text_of: Callable[[str], str | None], channel: str) -> dict[str, Any]:
    context: dict[str, Any] = {"channel": channel}
    external = []
    for kind, column in mapping.identifiers.items():
        value = text_of(column)
        if value is not None:
            external.append({"id": value, "type": kind})
    if external:
        context["externalIds"] = external
    for path, column in mapping.context.items():
        value = text_of(column)
        if value is not None:
            *above, last = path.split(".")
            inner = context
            for word in above:
                inner = inner.setdefault(word, {})
            inner[last] = value
    return context


def _shown(value: Any) -> str:
    text = str(plain(value))
    return f"'{text[:40]}…'" if len(text) > 40 else f"'{text}'"


def one_file(path: Path) -> list[Path]:
    """The file a table is read from."""
    return [regular(path)]


TABLES = tuple(
    Importer(kind, f"A {name} file with a mapping", one_file, partial(records, kind))
    for kind, name in (("csv", "CSV"), ("ndjson", "NDJSON"), ("parquet", "Parquet"))
)
