"""What an importer is given, and what it promises: a kind, the files it reads, and the records they become."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from ariane.ingest.importers.report import Tally
from ariane.ingest.mapping import Mapping
from ariane.ingest.record import Record


class Job(msgspec.Struct, frozen=True):
    """One import under way. `received_us` is when it began; `mapping` only for tables. `secret` is the workspace's own,
    for what must be told apart but not recognised elsewhere."""

    path: Path
    source: str
    received_us: int
    tally: Tally
    mapping: Mapping | None = None
    secret: bytes = b""


class Importer(msgspec.Struct, frozen=True):
    """One kind of import.

    `files` names what will be read, `records` yields every record in an order that depends on the files alone, so that
    an interrupted import can go on where it stopped. `version` rises whenever the records for the same files change.
    `basis` is the purpose the rows come under; `journey` names the journey file that fits them; `aliases` are other
    names it answers to. `mapping` is the one used when none is given.
    """

    kind: str
    about: str
    files: Callable[[Path], list[Path]]
    records: Callable[[Job], Iterator[Record]]
    basis: str = "measurement"
    version: int = 1
    journey: str = ""
    aliases: tuple[str, ...] = ()
    mapping: Mapping | None = None
