"""`ariane import`."""

from __future__ import annotations

from pathlib import Path

import click

from ariane.cli.options import emit, show, workspace_option
from ariane.cli.progress import LABELS, bars


@click.command("import")
@click.argument("kind")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--mapping", type=click.Path(path_type=Path), help="A TOML file that says which column means what.")
@click.option("--dry-run", "dry", is_flag=True, help="Read everything, show a few events, write nothing.")
@click.option("--propose", is_flag=True, help="Print a mapping proposed from the first rows, and stop.")
@click.option("--force", is_flag=True, help="Read the files again even if they were imported whole.")
@workspace_option
def import_(
    path: Path, as_json: bool, kind: str, source: Path, mapping: Path | None, dry: bool, propose: bool, force: bool
) -> None:
    """Load SOURCE, a file or folder of the given KIND: csv, ndjson or parquet (with --mapping), or a known data set:
    starbucks, olist, call-centre. Loading the same files again adds nothing."""
    from ariane.cli import importing

    if propose:
        from ariane.ingest.importers import mapping_text, propose_mapping

        click.echo(mapping_text(propose_mapping(source)))
        return
    if dry:
        report, added = importing.rehearse(kind, source, mapping), None
    else:
        with bars() as advance:
            loaded = importing.load(
                path,
                kind,
                source,
                mapping=mapping,
                force=force,
                advance=lambda what, done, total: advance(LABELS.get(what, what), done, total),
            )
        report, added = loaded.report, loaded.added
    if as_json:
        emit({"report": report, "added": added})
        return
    show(["figure", "found"], [[name, _figure(value)] for name, value in report.figures.items()], numeric=("found",))
    click.echo(f"{report.n_events:,} events in {report.n_rows:,} rows; read in {report.seconds:.1f} s.")
    for reason, n in report.n_skipped.items():
        click.echo(f"  {n:,} rows left out: {reason}")
    for bad in report.bad_rows:
        click.echo(f"  {bad.file}:{bad.line}: {bad.field}: {bad.problem}", err=True)
    if added is None:
        for sample in report.samples:
            click.echo(f"  {sample}")
        return
    click.echo(f"{added:,} events were new to this workspace.")
    click.echo(f"Next: ariane journey -w {path}   or   ariane serve {path}")


def _figure(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) > 1 else f"{value:.4g}"
