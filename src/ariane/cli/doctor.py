"""`ariane doctor`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ariane.cli.options import emit, workspace_option

SIGNS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "red")}


@click.command()
@workspace_option
def doctor(path: Path, as_json: bool) -> None:
    """Check this machine and the workspace, if there is one, and say what to do. Exits with 1 if anything failed."""
    from ariane.cli.checks import examine

    checks = examine(path)
    if as_json:
        emit({"ok": all(check.verdict != "failed" for check in checks), "checks": checks})
    else:
        for check in checks:
            sign, colour = SIGNS[check.verdict]
            click.echo(f"{click.style(sign, fg=colour, bold=True)} {check.name}: {check.found}")
            if check.next_step:
                click.echo(f"    → {check.next_step}")
    if any(check.verdict == "failed" for check in checks):
        sys.exit(1)
