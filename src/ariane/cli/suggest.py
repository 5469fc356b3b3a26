"""`ariane suggest`."""

from __future__ import annotations

from pathlib import Path

import click

from ariane.cli.options import emit, show, workspace_option

SHOWN = 20


@click.command()
@click.option("--check", is_flag=True, help="Only say what would be suggested; nothing is written.")
@click.option("--actor", default="behaviour", help="Who has it done: stays on record with every suggestion.")
@workspace_option
def suggest(path: Path, as_json: bool, check: bool, actor: str) -> None:
    """Find persons who behave like one: the same private networks on the same days, pages, hours. Only those who agreed
    to cross_device are compared, and nobody is tied: a person's page asks."""
    import ariane

    with ariane.open(path) as ws:
        found = ws.suggestions.look(check=check, actor=actor)
    if as_json:
        emit({"suggestions": found.as_rows(), "n_new": found.n_new, "written": found.written,
              "n_held_back": found.n_held_back})  # fmt: skip
        return
    click.echo(f"{len(found.rows):,} pairs of persons behave alike, {found.n_new:,} of them new; "
               f"{found.n_held_back:,} persons did not agree to be compared.")  # fmt: skip
    rows = [[str(one.a), str(one.b), f"{one.score:.2f}", one.n_days] for one in found.rows[:SHOWN]]
    if rows:
        show(["identifier", "and", "likeness", "days"], rows, numeric=("likeness", "days"))
