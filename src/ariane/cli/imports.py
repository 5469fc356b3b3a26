"""`ariane import`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ariane.cli.options import emit, show, workspace_option
from ariane.cli.progress import LABELS, bars

if TYPE_CHECKING:
    from ariane.ingest.importers import ImportReport
    from ariane.model import Event


@click.command("import")
@click.argument("kind", required=False)
@click.argument("source", type=click.Path(path_type=Path), required=False)
@click.option("--mapping", type=click.Path(path_type=Path), help="A TOML file that says which column means what.")
@click.option("--dry-run", "dry", is_flag=True, help="Read everything, show a few events, write nothing.")
@click.option("--propose", is_flag=True, help="Print a mapping proposed from the first rows, and stop.")
@click.option("--source", "named", default="", help="The events' source: a hook's, so that both count an event once.")
@click.option("--force", is_flag=True, help="Read the files again even if they were imported whole.")
@workspace_option
def import_(
    path: Path,
    as_json: bool,
    kind: str | None,
    source: Path | None,
    mapping: Path | None,
    dry: bool,
    propose: bool,
    named: str,
    force: bool,
) -> None:
    """Load SOURCE, a file or folder of the given KIND: csv, ndjson or parquet (with --mapping), xes, access-log, a
    known data set, or a source ('ariane sources'). Without a KIND, list them. Loading the same files again adds
    nothing."""
    from ariane.cli import importing

    if kind is None:
        _list_kinds(as_json)
        return
    _known(kind, source, path, as_json)
    if source is None:
        raise click.UsageError(f"What is to be read? ariane import {kind} FILE")
    if propose:
        from ariane.ingest.importers import mapping_text, propose_mapping

        click.echo(mapping_text(propose_mapping(source)))
        return
    added, erased = None, 0
    with bars() as drawn:

        def advance(what: str, done: int, total: int) -> None:
            drawn(LABELS.get(what, what), done, total)

        if dry:
            report = importing.rehearse(path, kind, source, mapping=mapping, name=named, advance=advance)
        else:
            loaded = importing.load(path, kind, source, mapping=mapping, name=named, force=force, advance=advance)
            report, added, erased = loaded.report, loaded.added, loaded.erased
    if as_json:
        emit({"report": report, "added": added, "erased": erased})
        return
    _tell(report, path, added, erased)


def _list_kinds(as_json: bool, *, err: bool = False) -> None:
    from ariane.ingest.importers import IMPORTERS, importer
    from ariane.ingest.sources import kinds as sources

    kinds = [*IMPORTERS.values(), *(importer(key) for key in sources())]
    if as_json:
        emit([{"kind": one.kind, "about": one.about, "aliases": one.aliases, "basis": one.basis} for one in kinds])
        return
    width = max(len(one.kind) for one in kinds)
    for one in kinds:
        click.echo(f"  {one.kind:<{width}}  {one.about}", err=err)
    click.echo("\nariane import KIND FILE --dry-run   shows what it would make and writes nothing.", err=err)


def _known(kind: str, source: Path | None, workspace: Path, as_json: bool) -> None:
    """Refuse a kind there is none of, with the list of those there are."""
    from ariane.errors import InputError
    from ariane.ingest.importers import importer

    try:
        importer(kind, workspace / "sources")
    except InputError:
        if source is None and Path(kind).exists():
            raise click.UsageError(f"Which kind is {kind}? Say it first: ariane import KIND {kind}") from None
        if not as_json:
            _list_kinds(False, err=True)
        raise


def _tell(report: ImportReport, path: Path, added: int | None, erased: int) -> None:
    if report.figures:
        rows = [[name, _figure(value)] for name, value in report.figures.items()]
        show(["figure", "found"], rows, numeric=("found",))
    click.echo(f"{report.n_events:,} events in {report.n_rows:,} rows; read in {report.seconds:.1f} s.")
    click.echo(f"They come under the purpose '{report.basis}'.")
    if report.n_duplicates:
        click.echo(f"  {report.n_duplicates:,} rows equal to one before them")
    for reason, n in report.n_skipped.items():
        click.echo(f"  {n:,} rows left out: {reason}")
    for warning in report.warnings:
        click.echo(click.style("! ", fg="yellow", bold=True) + warning, err=True)
    for bad in report.bad_rows:
        click.echo(f"  {bad.file}:{bad.line}: {bad.field}: {bad.problem}", err=True)
    if added is None:
        show(["at", "event", "channel", "who", "properties"], [_sample(event) for event in report.samples])
        click.echo("Nothing was written.")
        return
    click.echo(f"{added:,} events were new to this workspace.")
    if erased:
        click.echo(f"  {erased:,} events of erased people were left out.")
    if report.n_added > added + erased:
        click.echo(
            f"  {report.n_added - added - erased:,} others were not: their ids were known, or the plan holds them back."
        )
    click.echo(f"Next: ariane journey -w {path}   or   ariane serve {path}")


def _sample(event: Event) -> list[str]:
    from datetime import UTC, datetime

    others = [f"{one.get('type')}:{one.get('id')}" for one in event.context.get("externalIds", ())]
    who = [f"user_id:{event.user_id}"] if event.user_id else []
    who += [f"cookie:{event.anonymous_id}"] if event.anonymous_id else []
    said = ", ".join(f"{name}={value}" for name, value in event.properties.items())
    at = datetime.fromtimestamp(event.occurred_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    name = event.name if event.type == "track" else f"{event.type} {event.name}".strip()
    return [at, name, event.channel, " ".join(who + others) or "nobody", said[:100] + "…" * (len(said) > 100)]


def _figure(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) > 1 else f"{value:.4g}"
