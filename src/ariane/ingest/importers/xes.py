"""Process logs in XES (IEEE 1849): traces of events as XML, read as a stream in bounded memory.

| in the log                            | becomes                                                                    |
|---------------------------------------|----------------------------------------------------------------------------|
| an event's concept:name               | the event's name                                                           |
| time:timestamp                        | when it happened                                                           |
| the trace's concept:name              | anonymous_id: a case is a person of its own until a mapping says more      |
| lifecycle:transition                  | the property `lifecycle`                                                   |
| other attributes of event and trace   | properties, those of the trace led by `case_`                              |
| org:resource, org:role, org:group     | left out: they are about who worked, not about who was served              |

A mapping may say otherwise: there an event's attributes are columns by their own names, and those of its trace are led
by `case:` (`user_id = "case:customer"`). Attributes inside attributes are reached by a dotted path.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn
from xml.parsers.expat import ExpatError, ParserCreate

import msgspec

from ariane.errors import InputError
from ariane.ingest.applying import Row
from ariane.ingest.grammar import Column, EventRule, Field, Mapping, Named, When
from ariane.ingest.importers.files import chunks
from ariane.ingest.importers.report import Tally

NAME, TIME, CASE, CHANNEL = "concept:name", "time:timestamp", "case:concept:name", "process"
WORKERS = ("org:resource", "org:role", "org:group")
TYPES = frozenset({"string", "date", "int", "float", "boolean", "id", "list", "container"})
MOST_BYTES = 4 * 1024 * 1024
MOST_DEPTH = 50
MOST_REPEATS = 100_000
Values = dict[str, Any]


def xes_rows(path: Path, tally: Tally) -> Iterator[Row]:
    """The events of a log, each with its trace's attributes. `line` is where the event begins.

    Raises InputError when the file is no XES, declares entities, nests deeper than 50, or has an element over 4 MiB.
    """
    reader = _Reader(path)
    try:
        for chunk in chunks(path, tally):
            reader.feed(chunk)
            tally.n_rows += len(reader.rows)
            yield from reader.rows
            reader.rows.clear()
        reader.feed(b"", last=True)
    except ExpatError as error:
        raise InputError(
            f"The file is not well-formed XML: {error}.",
            where=str(path),
            next_step="Fetch it again, or export it anew.",
        ) from error


class _Reader:
    """Follows the elements of a log and gathers an event's attributes, and those of the trace around it."""

    def __init__(self, path: Path) -> None:
        self._path, self.rows = path, list[Row]()
        self._trace: Values = {}
        self._event: Values | None = None
        self._in_trace = self._in_global = False
        self._open: list[tuple[str, str, Any, list[tuple[str, Any]]]] = []
        self._line = self._waiting = self._depth = 0
        self._repeats = Counter[bytes]()
        self._encode = msgspec.json.Encoder().encode
        self._parser = parser = ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.EntityDeclHandler = self._refuse_entities

    def feed(self, chunk: bytes, *, last: bool = False) -> None:
        """Read on; what was found stands in `rows`."""
        self._waiting += len(chunk)
        self._parser.Parse(chunk, last)
        if self._waiting > MOST_BYTES:
            raise InputError(f"One element takes more than {MOST_BYTES:,} bytes.", where=self._here())

    def _here(self) -> str:
        return f"{self._path}:{self._parser.CurrentLineNumber}"

    def _refuse_entities(self, *_: object) -> NoReturn:
        raise InputError(
            "The file declares XML entities.",
            where=self._here(),
            allowed="XES, which has none",
            next_step="Export it anew.",
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._waiting = 0
        self._depth += 1
        tag = name.rpartition(":")[2]
        if self._depth == 1 and tag != "log":
            raise InputError(f"This is no XES: it begins with <{name[:40]}>.", where=self._here(), allowed="<log>")
        if self._depth > MOST_DEPTH:
            raise InputError(f"Elements nest deeper than {MOST_DEPTH}.", where=self._here())
        if tag == "trace":
            self._in_trace, self._trace = True, {}
            self._repeats.clear()
        elif tag == "event":
            self._event, self._line = {}, self._parser.CurrentLineNumber
        elif tag == "global":
            self._in_global = True
        elif tag in TYPES and not self._in_global and (self._in_trace or self._event is not None):
            value = _read(tag, attributes.get("value", ""))
            self._open.append((tag, attributes.get("key", ""), value, []))

    def _end(self, name: str) -> None:
        self._waiting = 0
        self._depth -= 1
        tag = name.rpartition(":")[2]
        if tag == "event" and self._event is not None:
            self._close_event(self._event)
            self._event = None
        elif tag == "trace":
            self._in_trace, self._trace = False, {}
        elif tag == "global":
            self._in_global = False
        elif tag in TYPES and self._open:
            self._close_attribute()

    def _close_attribute(self) -> None:
        tag, key, value, inside = self._open.pop()
        if tag == "list":
            value = [found for _, found in inside]
        elif tag == "container":
            value = dict(inside)
        if self._open:
            self._open[-1][3].append((key, value))
        if not key:
            return
        if self._event is not None:
            into, lead = self._event, ""
        else:
            into, lead = self._trace, "case:"
        if not self._open:
            into[lead + key] = value
        if tag not in ("list", "container"):
            path = ".".join([above[1] for above in self._open] + [key])
            for inner, found in inside:
                into[f"{lead}{path}.{inner}"] = found

    def _close_event(self, event: Values) -> None:
        content = self._encode([self._trace.get(CASE), event])
        # The same thing twice in one case is two things; which of them comes first does not matter.
        self._repeats[content] += 1
        if (times := self._repeats[content]) > 1:
            content += f"#{times}".encode()
        if len(self._repeats) > MOST_REPEATS:
            self._repeats.clear()
        self.rows.append(Row(self._line, {**self._trace, **event}, content))


def _read(tag: str, text: str) -> Any:
    """The value of a typed attribute; the text itself when it is not what its type says."""
    try:
        if tag == "int":
            return int(text)
        if tag == "float":
            number = float(text)
            return number if number - number == 0 else None
        if tag == "boolean":
            return {"true": True, "1": True, "false": False, "0": False}.get(text.strip().lower(), text)
    except ValueError:
        pass
    return text


def usual_mapping(columns: Iterable[str]) -> Mapping:
    """What a log means when nobody says otherwise.

    >>> usual_mapping(["case:concept:name", "concept:name", "time:timestamp", "case:amount"]).events[0].properties
    {'case_amount': 'case:amount'}
    """
    known = {NAME, TIME, CASE, *WORKERS, *(f"case:{worker}" for worker in WORKERS)}
    whole = [column for column in columns if column not in known and "." not in column]
    properties: dict[str, Named | Field] = {_named(column): column for column in whole}
    return Mapping(
        events=(EventRule(timestamp=When(TIME), name=Column(NAME), properties=properties),),
        format="xes",
        channel=CHANNEL,
        anonymous_id=CASE,
    )


def _named(column: str) -> str:
    if column == "lifecycle:transition":
        return "lifecycle"
    return re.sub(r"[^0-9a-z]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column).lower()).strip("_") or "value"
