"""`ariane note`."""

from __future__ import annotations

from pathlib import Path

import click

from ariane.cli.options import emit, identifier, workspace_option
from ariane.cli.progress import LABELS, bars

COLUMNS = {"user_id": "customer", "email": "email", "loyalty_card": "card"}


@click.command()
@click.argument("what")
@click.option("--who", required=True, metavar="KIND:VALUE", help="Whose it was: email, loyalty_card or user_id.")
@click.option("--at", required=True, metavar="DATE", help="When it was (ISO 8601).")
@click.option("--about", default="", help="What it was about: a product, a campaign, a step.")
@click.option("--comment", default="", help="In the person's words.")
@click.option("--feeling", type=click.FloatRange(-2, 2), default=None, help="From -2, bad, to +2, good.")
@workspace_option
def note(
    path: Path, as_json: bool, what: str, who: str, at: str, about: str, comment: str, feeling: float | None
) -> None:
    """Type in a touchpoint nobody's machine saw: WHAT is friend, press, poster, tv, influencer, competitor, … as
    'ariane sources touchpoints' says. The same note again adds nothing."""
    from ariane import settings
    from ariane.cli import importing

    settings.load(path)
    kind, value = identifier(who)
    if kind not in COLUMNS:
        raise click.BadParameter(f"'{kind}' is none of {', '.join(COLUMNS)}.")
    row = {"what": what, "at": at, "about": about, "comment": comment, "source": "note", COLUMNS[kind]: value}
    row |= {"feeling": str(feeling)} if feeling is not None else {}
    with bars() as drawn:
        added = importing.note(path, row, lambda label, done, total: drawn(LABELS.get(label, label), done, total))
    if as_json:
        emit({"added": added})
        return
    click.echo(f"{added:,} events were new to this workspace.")
