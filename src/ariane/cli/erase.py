"""`ariane erase`."""

from __future__ import annotations

from pathlib import Path

import click

from ariane.cli.options import emit, workspace_option
from ariane.cli.progress import log_progress


@click.command()
@click.argument("identifier", metavar="KIND:VALUE")
@click.option("--yes", is_flag=True, help="Do not ask.")
@workspace_option
def erase(path: Path, as_json: bool, identifier: str, yes: bool) -> None:
    """Erase the person who goes by KIND:VALUE from log, lake and state. It cannot be undone; stop 'ariane serve' first.

    A person's id (P-…) works too.
    """
    import ariane
    from ariane import processes

    with ariane.open(path) as ws:
        thread = ws.people.person(identifier, purpose="service")
        if not yes and not as_json:
            told = f"Erase {thread.person_id}: {thread.n_events:,} events, {len(thread.identifiers)} identifiers?"
            click.confirm(told, abort=True)
        with log_progress() as on_progress:
            erased = processes.erase(ws.stores, thread.keys, on_progress)
    if as_json:
        emit({"person_id": thread.person_id, "n_events": erased.n_events, "n_identifiers": erased.n_identifiers})
        return
    click.echo(f"Erased: {erased.n_events:,} events of {erased.n_identifiers:,} identifiers. Nothing of them is left.")
