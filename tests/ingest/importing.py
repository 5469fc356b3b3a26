"""Importing into a log of its own, and reading that log back."""

from __future__ import annotations

from pathlib import Path

from ariane.ingest import read
from ariane.ingest.importers import ImportReport, Mapping, run_import
from ariane.model import Event
from ariane.store import SegmentLog


def imported(kind: str, path: Path, folder: Path, mapping: Mapping | None = None) -> tuple[ImportReport, list[Event]]:
    """Import into a log of its own, and read the log back as every consumer does."""
    log = SegmentLog(folder / "log")
    with log.writer("import") as writer:
        report = run_import(kind, path, writer=writer, resume_dir=folder / "imports", mapping=mapping)
    events, offset = [], 0
    while offset < log.end("import"):
        batch = log.read("import", offset, 8_000_000)
        assert not batch.damaged
        events += [read(record.payload) for record in batch.records]
        offset = batch.next_offset
    return report, events
