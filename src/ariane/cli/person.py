"""`ariane person`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ariane.cli.options import emit, show, workspace_option
from ariane.model import PURPOSES, Purpose

if TYPE_CHECKING:
    from ariane.identity.history import Told


@click.command()
@click.argument("identifier", metavar="KIND:VALUE")
@click.option("--why", default=None, metavar="KIND:VALUE", help="Explain why this identifier is the same person.")
@click.option("--limit", type=click.IntRange(1), default=30, help="How many of the newest events to show.")
@click.option("--purpose", type=click.Choice(PURPOSES), default="service", help="Why the person is read.")
@workspace_option
def person(path: Path, as_json: bool, identifier: str, why: str | None, limit: int, purpose: Purpose) -> None:
    """Show the person who goes by KIND:VALUE, such as email:ana@example.org, or by their id: identifiers, newest
    events, and why these are one person."""
    import ariane
    from ariane.identity.threads import words

    with ariane.open(path) as ws:
        thread = ws.people.person(identifier, purpose=purpose)
        events = ws.people.timeline(thread, limit=limit, purpose=purpose)
        told = ws.people.changes(of=thread.person_id, limit=1000, purpose=purpose)
        reasons = words(ws.people.explain(identifier, why, purpose=purpose)) if why else ()
    if as_json:
        emit({"person": thread, "events": events.to_dicts(), "why": reasons, "changes": told.rows})
        return
    click.echo(f"{thread.person_id}: {thread.n_events:,} events on {', '.join(sorted(thread.channels))}")
    if thread.aliases:
        click.echo(f"formerly {', '.join(thread.aliases)}")
    held = [
        [one.kind, one.value, one.status, _day(one.first_us), _day(one.last_us), f"{one.n_events:,}"]
        for one in thread.identifiers
    ]
    show(["kind", "value", "status", "first seen", "last seen", "events"], held, numeric=("events",))
    click.echo("")
    ties = [
        [str(tie.a), str(tie.b), tie.rule, f"{tie.n_events:,}", _day(tie.first_us), tie.status] for tie in thread.edges
    ]
    show(
        ["identifier", "and", "tied by", "events", "since", "status"],
        ties,
        "Why these are one person",
        numeric=("events",),
    )
    if told.rows:
        click.echo("")
        show(["on", "what", "person", "into", "by"], [_change(one) for one in told.rows], "What became of them")
    click.echo("")
    rows = [[row["occurred_at"], row["channel"], row["event"] or row["type"]] for row in events.to_dicts()]
    show(["at", "channel", "event"], rows)
    for sentence in reasons:
        click.echo(sentence)


def _change(one: Told) -> list[str]:
    return [_day(one.at_us), one.cause, one.person_id, one.into_person_id, one.rule]


def _day(instant_us: int) -> str:
    return datetime.fromtimestamp(instant_us / 1_000_000, UTC).date().isoformat()
