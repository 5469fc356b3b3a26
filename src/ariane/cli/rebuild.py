"""`ariane rebuild`."""

from __future__ import annotations

import time
from pathlib import Path

import click

from ariane.cli.options import emit, workspace_option
from ariane.cli.progress import log_progress


@click.command()
@workspace_option
def rebuild(path: Path, as_json: bool) -> None:
    """Delete the state and every derived table, and derive them again from the events."""
    from ariane import processes
    from ariane.store import Stores

    began = time.monotonic()
    stores = Stores(path, create=False)
    with log_progress() as on_progress:
        processes.rebuild(stores, on_progress)
    n_events = stores.lake.n_rows("events")
    if as_json:
        emit({"n_events": n_events, "seconds": round(time.monotonic() - began, 3)})
        return
    click.echo(f"Derived again from {n_events:,} events in {time.monotonic() - began:.1f} s.")
