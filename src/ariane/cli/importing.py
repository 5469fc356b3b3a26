"""Loading a file into a workspace: into the log, and on through the workers until every event is in the lake."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import msgspec

from ariane import settings
from ariane.errors import NotFound
from ariane.ingest.importers import ImportReport, dry_run, read_mapping, run_import, template
from ariane.processes import consuming, settle
from ariane.store import Stores

PARTITION = "import"
Advance = Callable[[str, int, int], None]


class Loaded(msgspec.Struct, frozen=True):
    """What the import reported, and how many events this workspace has that it had not before."""

    report: ImportReport
    added: int


def load(path: Path, kind: str, source: Path, *, mapping: Path | None, force: bool, advance: Advance) -> Loaded:
    """Import `source` into the workspace at `path`, which is made when nothing is there yet."""
    _workspace_at(path)
    stores = Stores(path)
    before = stores.lake.n_rows("events")
    rules = read_mapping(mapping) if mapping else None
    with consuming(stores) as watch:
        gc.disable()  # rows are many small objects without cycles
        with stores.log.writer(PARTITION) as writer:
            report = run_import(
                kind,
                source,
                writer=writer,
                resume_dir=stores.path / "imports",
                mapping=rules,
                force=force,
                on_progress=lambda name, done, total: advance(f"Reading {name}", done, total),
            )
        gc.enable()
        _journey_for(kind, stores.path)
        settle(stores, advance, watch=watch)
    added = stores.lake.n_rows("events") - before
    stores.close()
    return Loaded(report, added)


def rehearse(kind: str, source: Path, mapping: Path | None, *, advance: Advance) -> ImportReport:
    """Read everything and write nothing."""
    rules = read_mapping(mapping) if mapping else None
    return dry_run(
        kind, source, mapping=rules, on_progress=lambda name, done, total: advance(f"Reading {name}", done, total)
    )


def _workspace_at(path: Path) -> None:
    """Make a workspace in an empty or absent folder; in one that holds other things somebody must mean it."""
    if (path / "ariane.toml").exists():
        return
    if path.exists() and any(path.iterdir()):
        raise NotFound(f"No workspace in {path}.", next_step=f"Run 'ariane init {path}' to make this folder one.")
    settings.create(path, path.resolve().name)


def _journey_for(kind: str, path: Path) -> None:
    """A known data set brings the journey file that fits it, unless there is one."""
    text = template(kind)
    if text is not None and not (path / "journey.toml").exists():
        (path / "journey.toml").write_text(text, encoding="utf-8")
