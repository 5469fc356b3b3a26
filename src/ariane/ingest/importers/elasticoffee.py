"""The presses of the buttons on four connected coffee machines at a conference, as an Elasticsearch bulk file.

| document                    | becomes                                                                            |
|-----------------------------|------------------------------------------------------------------------------------|
| one press, at @timestamp    | Product Used {product_id, category, beverage, side, button, press, quantity}       |
| entityID                    | product_id: which machine                                                          |
| sceneData 0, 1, 2           | press: pressed, released, held                                                     |

A machine in a hall is everybody's: a serial ties an object to the household it is in, and here there is none. So the
machine is what was used, never who used it; the events carry no identifier and count for no person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from ariane.ingest.convert import instant
from ariane.ingest.importers.files import Part, lines, part
from ariane.ingest.importers.job import Importer, Job
from ariane.ingest.record import Record

CONTEXT = {"channel": "object"}
PRESSES = {"0": "pressed", "1": "released", "2": "held"}


class _Action(msgspec.Struct, frozen=True):
    id: str = msgspec.field(default="", name="_id")


class _Line(msgspec.Struct, frozen=True):
    """An action line has `index`, a document the rest."""

    index: _Action | None = None
    at: str = msgspec.field(default="", name="@timestamp")
    machine: str = msgspec.field(default="", name="entityID")
    category: str = msgspec.field(default="", name="beverageClass")
    beverage: str = ""
    side: str = msgspec.field(default="", name="beverageSide")
    button: str = msgspec.field(default="", name="sceneID")
    press: str = msgspec.field(default="", name="sceneData")
    quantity: int = 1


def _part(path: Path) -> Part:
    return part(path, "elasticoffee-data.bulk", "elasticoffee.ndjson")


def _records(job: Job) -> Iterator[Record]:
    decode, tally = msgspec.json.Decoder(_Line).decode, job.tally
    machines, beverages, named = Counter[str](), Counter[str](), ""
    found = _part(job.path)
    for number, text in lines(found.path, tally, found.inside):
        if not text.startswith(b"{"):  # the request's own first line
            tally.skip("no document")
            continue
        try:
            line = decode(text)
        except msgspec.MsgspecError as error:
            tally.n_rows += 1
            tally.bad(found.path, number, "", str(error))
            continue
        if line.index is not None:
            named = line.index.id
            continue
        tally.n_rows += 1
        try:
            at = instant(line.at)
        except ValueError as error:
            tally.bad(found.path, number, "@timestamp", str(error))
            continue
        machines[line.machine] += 1
        beverages[line.beverage] += 1
        yield _record(job, line, at, named or str(number))
        named = ""
    tally.figures |= {"presses": machines.total(), "machines": len(machines), "persons": 0}
    tally.figures |= {beverage.lower(): n for beverage, n in beverages.most_common()}


def _record(job: Job, line: _Line, at: str, named: str) -> Record:
    said: dict[str, Any] = {"product_id": line.machine, "category": line.category, "beverage": line.beverage}
    said |= {"side": line.side, "button": line.button, "press": PRESSES.get(line.press, line.press)}
    return Record(
        source=job.source,
        message_id=f"press-{named}",
        type="track",
        event="Product Used",
        received_us=job.received_us,
        timestamp=at,
        properties=said | {"quantity": line.quantity},
        context=CONTEXT,
    )


ELASTICOFFEE = Importer(
    kind="elasticoffee",
    about="Presses of the buttons on connected coffee machines (Elasticsearch bulk file, or its folder)",
    files=lambda path: [_part(path).path],
    records=_records,
    aliases=("elasticoffee-iot",),
)
