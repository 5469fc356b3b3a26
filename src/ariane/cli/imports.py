"""`ariane import`."""

from __future__ import annotations

from pathlib import Path

import click

from ariane.cli.options import emit, show, workspace_option
from ariane.cli.progress import bars, log_progress


@click.command("import")
@click.argument("kind")
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--mapping", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Which column means what."
)
@click.option("--dry-run", is_flag=True, help="Count and show a few events; write nothing.")
@click.option("--force", is_flag=True, help="Read the file again even if it was imported whole.")
@click.option("--propose", is_flag=True, help="Print a mapping proposed from the first rows, and stop.")
@workspace_option
def import_(
    path: Path, as_json: bool, kind: str, source: Path, mapping: Path | None, dry_run: bool, force: bool, propose: bool
) -> None:
    """Load SOURCE, a file or folder of the given KIND: csv, ndjson, parquet (with --mapping), or a known data set."""
    from ariane.cli.importing import load

    if propose:
        from ariane.ingest import importers

        click.echo(importers.proposed(kind, source))
        return
    with bars() as advance:
        report = load(
            path, kind, source, mapping=mapping, dry_run=dry_run, force=force,
            on_progress=lambda done, total: advance("Reading", done, total),
        )  # fmt: skip
    added = None
    if not dry_run:
        from ariane.cli.importing import settle

        with log_progress() as on_progress:
            added = settle(path, on_progress)
    if as_json:
        emit({"report": report, "added": added})
        return
    show(
        ["", ""], [[name, f"{value:,}" if isinstance(value, int) else value] for name, value in report.figures.items()]
    )
    click.echo(f"{report.n_events:,} events read from {report.n_rows:,} rows in {report.seconds:.1f} s.")
    for reason, n in report.n_skipped.items():
        click.echo(f"  {n:,} rows left out: {reason}")
    if added is not None:
        click.echo(f"{added:,} events were new to this workspace.")
        click.echo(f"Next: ariane journey -w {path}, or ariane serve {path}")
