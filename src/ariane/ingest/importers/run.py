"""Runs an import: reads, writes to the log in groups, remembers how far it came, and reports.

Message ids depend on the rows alone, so what is written twice (a run killed between the log and its note) counts once
downstream. The note of an import stands under the digest of its files: the same content is recognised wherever it lies.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from itertools import chain, islice
from pathlib import Path
from secrets import token_bytes
from typing import Any, Protocol

import msgspec

from ariane.errors import Conflict, InputError
from ariane.ingest.grammar import SOURCE_NAME
from ariane.ingest.importers.files import digest_of
from ariane.ingest.importers.job import Importer, Job
from ariane.ingest.importers.registry import importer
from ariane.ingest.importers.report import ImportReport, OnProgress, Tally
from ariane.ingest.importers.table import TABLES
from ariane.ingest.mapping import Mapping, mapping_text
from ariane.ingest.reading import read
from ariane.ingest.record import Record, encode
from ariane.model import Event

GROUP = 2_000
IN_FLIGHT = 3
N_SAMPLES = 5
SECRET_BYTES = 32


class LogWriter(Protocol):
    """What an import needs of the log: to queue payloads, and to know when they are on disk."""

    def submit(self, payloads: Sequence[bytes], /) -> Future[int]: ...


class Note(msgspec.Struct, frozen=True):
    """How far an import came: `n_appended` records are on disk; `report` once it is done."""

    n_appended: int
    report: ImportReport | None = None


def run_import(
    kind: str,
    path: Path | str,
    *,
    writer: LogWriter,
    resume_dir: Path,
    on_progress: OnProgress | None = None,
    mapping: Mapping | None = None,
    force: bool = False,
    folder: Path | None = None,
    named: str = "",
) -> ImportReport:
    """Append the events of a file or folder to the log, once. `folder` holds the workspace's own kinds of source.

    The same content imported again adds nothing; an interrupted import goes on where it stopped; `force` writes all of
    it again. Events carry the source `import_<kind>`, or the mapping's, or the one `named`. Raises InputError or
    NotFound when the files or the mapping cannot be used, Conflict when a file changed meanwhile, Transient when the
    disk is full: running it again goes on.
    """
    began = time.perf_counter()
    chosen, job = _prepared(kind, Path(path), mapping, _secret(resume_dir), folder, named)
    files = chosen.files(job.path)
    stamps = _stamps(files)
    rules = mapping_text(job.mapping) if job.mapping is not None else ""
    digest = digest_of(files, chosen.kind, str(chosen.version), rules, *((named,) if named else ()))
    note_path = resume_dir / f"{digest}.json"
    note = Note(0) if force else _read_note(note_path)
    if note.report is not None:
        seconds = time.perf_counter() - began
        return msgspec.structs.replace(
            note.report, n_added=0, already=True, resumed_from=note.n_appended, seconds=seconds
        )
    total = sum(size for size, _ in stamps)
    n_events = 0
    notes = _Notes(note_path, note.n_appended)
    for group in _groups(_with_header(chosen, job, digest)):
        payloads = [encode(record) for record in group[max(0, note.n_appended - n_events) :]]
        n_events += len(group)
        if payloads:
            notes.await_disk(writer.submit(payloads), n_events)
        if on_progress is not None:
            on_progress(chosen.kind, min(job.tally.bytes_read, total), total)
    notes.await_all()
    if _stamps(files) != stamps:
        raise Conflict(
            "A file changed while it was read.", where=str(path), next_step="Import it again once it is complete."
        )
    report = _report(chosen, job, n_events, began, resumed_from=note.n_appended)
    if n_events or not report.bad_rows:
        notes.write(Note(n_events, report))
    return report


def dry_run(
    kind: str,
    path: Path | str,
    *,
    mapping: Mapping | None = None,
    on_progress: OnProgress | None = None,
    folder: Path | None = None,
    named: str = "",
) -> ImportReport:
    """Read everything as `run_import` would, write nothing, and show the first five events in `samples`."""
    began = time.perf_counter()
    chosen, job = _prepared(kind, Path(path), mapping, token_bytes(SECRET_BYTES), folder, named)
    total = sum(size for size, _ in _stamps(chosen.files(job.path)))
    n_events = 0
    samples: list[Event] = []
    for group in _groups(chosen.records(job)):
        samples += [read(encode(record)) for record in group[: N_SAMPLES - len(samples)]]
        n_events += len(group)
        if on_progress is not None:
            on_progress(chosen.kind, min(job.tally.bytes_read, total), total)
    report = _report(chosen, job, n_events, began)
    return msgspec.structs.replace(report, n_added=0, samples=tuple(samples))


def _prepared(
    kind: str, path: Path, mapping: Mapping | None, secret: bytes, folder: Path | None, named: str
) -> tuple[Importer, Job]:
    chosen = importer(kind, folder)
    if mapping is not None and chosen.mapping is None and chosen not in TABLES:
        raise InputError(
            f"'{chosen.kind}' has its own mapping.", next_step="Leave the mapping out, or import the file as csv."
        )
    mapping = mapping if mapping is not None else chosen.mapping
    if named and not SOURCE_NAME.fullmatch(named):
        raise InputError(f"'{named}' cannot name a source.", allowed="lower-case letters, digits, - and _")
    source = named or (mapping.source if mapping is not None else "") or f"import_{chosen.kind.replace('-', '_')}"
    return chosen, Job(path, source, time.time_ns() // 1000, Tally(), mapping, secret)


def _with_header(chosen: Importer, job: Job, digest: str) -> Iterator[Record]:
    """The records, led by one that says what was imported and on which basis, dated like the first of them."""
    records = chosen.records(job)
    first = next(records, None)
    if first is None:
        return iter(())
    purpose = _basis_of(chosen, job)
    properties: dict[str, Any] = {"kind": chosen.kind, "purpose": purpose, "digest": digest, "name": job.path.name}
    header = Record(
        source=job.source,
        message_id=f"import-{digest}",
        type="track",
        event="Import Started",
        received_us=job.received_us,
        timestamp=first.timestamp,
        properties=properties,
        context={"channel": "import"},
    )
    return chain((header, first), records)


def _groups(records: Iterator[Record]) -> Iterator[list[Record]]:
    while group := list(islice(records, GROUP)):
        yield group


class _Notes:
    """Writes the note of an import, never ahead of what is on disk."""

    def __init__(self, path: Path, n_appended: int) -> None:
        self._path = path
        self._waiting: deque[tuple[Future[int], int]] = deque()
        self.n_appended = n_appended

    def await_disk(self, group: Future[int], n_events: int) -> None:
        """Let a few groups be under way, and note each once it is durable."""
        self._waiting.append((group, n_events))
        if len(self._waiting) > IN_FLIGHT:
            self._settle()

    def await_all(self) -> None:
        while self._waiting:
            self._settle()

    def write(self, note: Note) -> None:
        """Replace the note in one step; a torn one would only mean starting over."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(note))
        fresh.replace(self._path)

    def _settle(self) -> None:
        group, n_events = self._waiting.popleft()
        group.result()
        self.n_appended = n_events
        self.write(Note(n_events))


def _secret(folder: Path) -> bytes:
    """The workspace's secret, made when first asked for. What is hashed with it cannot be guessed from outside."""
    file = folder / "secret"
    try:
        if len(known := file.read_bytes()) == SECRET_BYTES:
            return known
    except FileNotFoundError:
        pass
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"secret.{os.getpid()}"
    fresh.touch(mode=0o600)
    fresh.write_bytes(token_bytes(SECRET_BYTES))
    fresh.replace(file)
    return file.read_bytes()


def _basis_of(chosen: Importer, job: Job) -> str:
    return job.mapping.basis if job.mapping is not None else chosen.basis


def _read_note(path: Path) -> Note:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Note)
    except (OSError, msgspec.MsgspecError):
        return Note(0)


def _stamps(files: list[Path]) -> list[tuple[int, int]]:
    return [((stat := path.stat()).st_size, stat.st_mtime_ns) for path in files]


def _report(chosen: Importer, job: Job, n_events: int, began: float, resumed_from: int = 0) -> ImportReport:
    tally = job.tally
    return ImportReport(
        kind=chosen.kind,
        source=job.source,
        n_rows=tally.n_rows,
        n_events=n_events,
        n_added=max(0, n_events - resumed_from),
        n_skipped=dict(sorted(tally.skipped.items())),
        n_duplicates=tally.n_duplicates,
        seconds=time.perf_counter() - began,
        resumed_from=resumed_from,
        figures=tally.figures,
        bad_rows=tuple(tally.bad_rows),
        basis=_basis_of(chosen, job),
        warnings=tally.warnings,
    )
