"""Loading a file into a workspace: into the log, and on through the workers until every event is in the lake."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from ariane import settings
from ariane.errors import InputError, NotFound
from ariane.ingest.importers import ImportReport, dry_run, read_mapping, run_import, template
from ariane.ingest.sources import mapping_of, webhook
from ariane.processes import Sieve, consuming, settle
from ariane.store import Stores

PARTITION = "import"
SOURCES = "sources"
"""The folder of a workspace that holds its own kinds of source."""

NOTED = "touchpoints"
Advance = Callable[[str, int, int], None]


class Loaded(msgspec.Struct, frozen=True):
    """What the import reported, how many events this workspace has that it had not before, and how many were of erased
    people, from before their erasure, and left out."""

    report: ImportReport
    added: int
    erased: int = 0


def load(
    path: Path, kind: str, source: Path, *, mapping: Path | None, name: str = "", force: bool, advance: Advance
) -> Loaded:
    """Import `source` into the workspace at `path`, which is made when nothing is there yet. `name` is the events'
    source, else the mapping's or one of the kind's own."""
    _workspace_at(path)
    stores = Stores(path)
    before = stores.lake.n_rows("events")
    rules = read_mapping(mapping) if mapping else None
    with consuming(stores) as watch:
        gc.disable()  # rows are many small objects without cycles
        with stores.log.writer(PARTITION) as writer:
            sieve = Sieve(stores, writer)
            report = run_import(
                kind,
                source,
                writer=sieve,
                resume_dir=stores.path / "imports",
                mapping=rules,
                force=force,
                on_progress=lambda what, done, total: advance(f"Reading {what}", done, total),
                folder=path / SOURCES,
                named=name,
            )
        gc.enable()
        _journey_for(kind, stores.path)
        settle(stores, advance, watch=watch)
    added = stores.lake.n_rows("events") - before
    stores.close()
    return Loaded(report, added, sieve.n_left_out)


def rehearse(
    path: Path, kind: str, source: Path, *, mapping: Path | None, name: str = "", advance: Advance
) -> ImportReport:
    """Read everything and write nothing."""
    return dry_run(
        kind,
        source,
        mapping=read_mapping(mapping) if mapping else None,
        on_progress=lambda what, done, total: advance(f"Reading {what}", done, total),
        folder=path / SOURCES,
        named=name,
    )


def note(path: Path, row: dict[str, str], advance: Advance) -> int:
    """Log what one row of the kind touchpoints says; how many events were new. InputError when it says nothing."""
    folder = path / SOURCES
    events = webhook(NOTED, folder=folder)(msgspec.json.encode(row), {})
    if not events:
        names = [rule.name for rule in mapping_of(NOTED, folder).events if not isinstance(rule.name, str)]
        raise InputError(
            f"'{row['what']}' is no touchpoint.",
            allowed=", ".join(said for name in names for said in name.values),
            next_step=f"Add it: 'ariane sources {NOTED} > {folder / NOTED}.toml'.",
        )
    stamp = {"source": "note", "receivedUs": time.time_ns() // 1000}
    stores = Stores(path)
    before = stores.lake.n_rows("events")
    with consuming(stores) as watch:
        with stores.log.writer(PARTITION) as writer:
            writer.append([msgspec.json.encode(stamp | event) for event in events])
        settle(stores, advance, watch=watch)
    added = stores.lake.n_rows("events") - before
    stores.close()
    return added


def _workspace_at(path: Path) -> None:
    """Make a workspace in an empty or absent folder; in one that holds other things somebody must mean it."""
    if (path / "ariane.toml").exists():
        return
    if path.exists() and any(path.iterdir()):
        raise NotFound(f"No workspace in {path}.", next_step=f"Run 'ariane init {path}' to make this folder one.")
    settings.create(path, path.resolve().name)


def _journey_for(kind: str, path: Path) -> None:
    """A known data set brings the journey file that fits it, unless there is one."""
    text = template(kind, path / SOURCES)
    if text is not None and not (path / "journey.toml").exists():
        (path / "journey.toml").write_text(text, encoding="utf-8")
