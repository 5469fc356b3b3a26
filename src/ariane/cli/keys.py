"""`ariane keys`."""

from __future__ import annotations

from pathlib import Path

import click

from ariane import settings
from ariane.cli.options import emit, show, workspace_option


@click.command()
@click.option("--add", "name", default=None, metavar="NAME", help="Add a source with a new write key.")
@click.option("--channel", default="", help="The channel of its events when they do not say.")
@workspace_option
def keys(path: Path, as_json: bool, name: str | None, channel: str) -> None:
    """List the sources and their write keys, or add one."""
    if name:
        settings.add_source(path, name, channel)
    sources = settings.load(path).sources
    if as_json:
        emit(
            [
                {"source": key, "write_key": source.write_key, "channel": source.channel}
                for key, source in sources.items()
            ]
        )
        return
    show(
        ["source", "channel", "write key"], [[key, source.channel, source.write_key] for key, source in sources.items()]
    )
