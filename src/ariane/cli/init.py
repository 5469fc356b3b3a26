"""`ariane init`."""

from __future__ import annotations

from pathlib import Path

import click

from ariane import settings
from ariane.cli.options import emit


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--name", default="", help="The brand or the team this workspace is for.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def init(folder: Path, name: str, as_json: bool) -> None:
    """Make FOLDER a workspace, with one source and its write key."""
    made = settings.create(folder, name or folder.resolve().name)
    key = made.sources["default"].write_key
    if as_json:
        emit({"workspace": str(folder.resolve()), "write_key": key})
        return
    click.echo(f"Workspace {folder} is ready. Its write key: {key}")
    click.echo(f"Next: ariane serve {folder}")
