"""`ariane sources`."""

from __future__ import annotations

from pathlib import Path

import click

from ariane.cli.options import emit, show, workspace_option


@click.command()
@click.argument("kind", required=False)
@click.option("--sample", is_flag=True, help="A few rows of such a file instead of the mapping.")
@workspace_option
def sources(path: Path, as_json: bool, kind: str | None, sample: bool) -> None:
    """List the kinds of source, or print the mapping of KIND: copy it into the workspace's folder sources/ to change
    it."""
    from ariane.ingest.sources import kinds, mapping_text_of, sample_of, source_kind

    folder = path / "sources"
    if kind is None:
        found = [source_kind(key, folder) for key in kinds(folder)]
        if as_json:
            emit(found)
            return
        rows = [[one.key, one.title.get("en", ""), ", ".join(one.channels), ", ".join(one.events)] for one in found]
        show(["kind", "what", "channel", "events"], rows)
        click.echo("Next: ariane sources KIND   shows its mapping;   ariane import KIND FILE --dry-run   tries it.")
        return
    text = sample_of(kind, folder) if sample else mapping_text_of(kind, folder)
    if as_json:
        emit({"kind": source_kind(kind, folder), "sample" if sample else "mapping": text})
        return
    click.echo(text, nl=False)
