"""`ariane decide`."""

from __future__ import annotations

from pathlib import Path

import click

from ariane.cli.options import emit, show, workspace_option


@click.command()
@click.argument("identifier", metavar="KIND:VALUE")
@click.option("--at", default=None, metavar="INSTANT", help="As of this instant (ISO 8601). Default: the last event.")
@click.option("--record", is_flag=True, help="Write the decision to the log, as of now unless --at says otherwise.")
@workspace_option
def decide(path: Path, as_json: bool, identifier: str, at: str | None, record: bool) -> None:
    """The next best action for the person who goes by KIND:VALUE, or none, and why: every condition with their value.

    Nothing is sent, and without --record nothing is written.
    """
    import ariane

    with ariane.open(path) as ws:
        decision = ws.decide(identifier, at=at, record=record)
    if as_json:
        emit(decision)
        return
    told = f"{decision.action} by {decision.channel}" if decision.action else "nothing"
    held = ", held out to measure the effect" if decision.holdout else ""
    click.echo(f"{decision.person_id}: {told}{held} (propensity {decision.propensity:.2f})")
    rows = [
        [one.action, one.verdict, "; ".join(f"{'✓' if c.passes else '✗'} {c.what} {c.value:g}" for c in one.conditions)]
        for one in decision.why
    ]
    show(["action", "verdict", "conditions"], rows)
