"""`ariane link`."""

from __future__ import annotations

from pathlib import Path

import click

from ariane.cli.options import emit, show, workspace_option

SHOWN = 20


@click.command()
@click.option("--check", is_flag=True, help="Only say what would be tied and asked; nothing is written.")
@click.option("--actor", default="linkage", help="Who has it done: stays on record with every tie.")
@workspace_option
def link(path: Path, as_json: bool, check: bool, actor: str) -> None:
    """Find records that are one person's by what they say: names, birth dates, addresses. The surest are tied, as
    evidence that can be taken back; the next are kept to be asked about at /identity/review. Which fields are read is
    in linkage.toml. Needs the extra 'linkage'."""
    import ariane

    with ariane.open(path) as ws:
        found = ws.linkage.look(check=check, actor=actor)
    if as_json:
        emit(found)
        return
    for sentence in found.words():
        click.echo(sentence)
    rows = [[one["do"], one["a"], one["b"], f"{one['probability']:.3f}"] for one in found.as_rows()[:SHOWN]]
    if rows:
        click.echo("")
        show(["", "identifier", "and", "probability"], rows, numeric=("probability",))
