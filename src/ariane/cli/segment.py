"""`ariane segment`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ariane.cli.options import emit, narrowing, workspace_option


@click.command()
@click.argument("rule", default="")
@click.option("--list", "listing", is_flag=True, help="List the persons' ids, not only their number.")
@click.option("--limit", type=click.IntRange(1), default=100, help="How many persons to list.")
@narrowing
@workspace_option
def segment(path: Path, as_json: bool, rule: str, listing: bool, limit: int, narrowed: dict[str, Any]) -> None:
    """Count the persons RULE names, such as 'channel:store,orders>=2'; without RULE, the workspace's named segments."""
    import ariane

    with ariane.open(path) as ws:
        if not rule:
            found = ws.segments.counts(**narrowed)
            if as_json:
                emit(found)
            for name, n in () if as_json else found.items():
                click.echo(f"{n:>10,}  {name}")
            return
        members = ws.segments.members(rule, **narrowed)
    persons = [row["person_id"] for row in members.to_dicts()]
    if as_json:
        emit(
            {
                "rule": rule,
                "n_persons": len(persons),
                "persons": persons[:limit] if listing else None,
                "n_held_back": members.n_held_back,
            }
        )
        return
    click.echo(f"{len(persons):,} persons; {members.n_held_back:,} held back by consent")
    for one in persons[:limit] if listing else ():
        click.echo(one)
