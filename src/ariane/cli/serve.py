"""`ariane serve`."""

from __future__ import annotations

from pathlib import Path

import click

from ariane.cli.options import emit


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=None, required=False)
@click.option("--workspace", "-w", type=click.Path(path_type=Path), default=None, help="The same as FOLDER.")
@click.option("--host", default=None, help="Address to listen on. Default 127.0.0.1.")
@click.option("--port", type=int, default=None, help="Port to listen on. Default 8600.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document once it answers.")
def serve(folder: Path | None, workspace: Path | None, host: str | None, port: int | None, as_json: bool) -> None:
    """Run the workspace in FOLDER: collector, stream, lake and console, until Ctrl-C."""
    import os

    from ariane import processes

    path = folder or workspace or Path(os.environ.get("ARIANE_WORKSPACE") or ".")

    def ready(serving: object) -> None:
        address = getattr(serving, "address", "")
        if as_json:
            emit({"address": address, "workspace": str(path.resolve())})
        else:
            click.echo(f"Ariane is at {address}  (Ctrl-C ends it)")

    processes.serve(path, host=host, port=port, on_ready=ready)
