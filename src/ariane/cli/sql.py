"""`ariane sql`."""

from __future__ import annotations

from pathlib import Path

import click

from ariane.cli.options import emit, workspace_option
from ariane.model import PURPOSES, Purpose


@click.command()
@click.argument("text")
@click.option("--purpose", type=click.Choice(PURPOSES), default="measurement", help="Why the persons are read.")
@workspace_option
def sql(path: Path, as_json: bool, text: str, purpose: Purpose) -> None:
    """Ask the relations in SQL: events, persons, identifiers, edges, touchpoints, sessions, answers, orders, consents,
    decisions, cases, membership, aliases, person_changes."""
    import ariane

    with ariane.open(path) as ws:
        found = ws.sql(text, purpose)
        if as_json:
            emit(found.to_dicts())
        else:
            found.show(limit=200)
