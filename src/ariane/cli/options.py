"""What every command shares: the workspace, JSON or not, and how rows are shown."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from ariane.errors import NotFound
from ariane.model import PURPOSES


def workspace_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--workspace D` and `--json`; the function gets `path: Path` and `as_json: bool`."""

    @click.option(
        "--workspace",
        "-w",
        type=click.Path(path_type=Path),
        default=None,
        help="The workspace folder. Else ARIANE_WORKSPACE, else the current folder.",
    )
    @click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
    @functools.wraps(function)
    def wrapped(*args: Any, workspace: Path | None, **options: Any) -> Any:
        path = workspace or Path(os.environ.get("ARIANE_WORKSPACE") or ".")
        return function(*args, path=path, **options)

    return wrapped


def narrowing(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--segment`, `--since`, `--until` and `--purpose`; the function gets `narrowed`, the ones that were given."""

    @click.option("--segment", default="", help="Only persons of this segment, such as channel:store,orders>=2.")
    @click.option("--since", default=None, metavar="DATE", help="From this day or instant on (ISO 8601, UTC).")
    @click.option("--until", default=None, metavar="DATE", help="Before this day or instant.")
    @click.option("--purpose", type=click.Choice(PURPOSES), default="measurement", help="Why the persons are read.")
    @functools.wraps(function)
    def wrapped(*args: Any, segment: str, since: str | None, until: str | None, purpose: str, **options: Any) -> Any:
        given = {"segment": segment, "since": since, "until": until, "purpose": purpose}
        return function(*args, narrowed={name: value for name, value in given.items() if value}, **options)

    return wrapped


def emit(document: Any) -> None:
    """One JSON document on standard output, written as the API writes it: instants in ISO 8601, flushed at once, since
    a command that serves goes on after it."""
    from ariane.api import shown

    sys.stdout.write(msgspec.json.encode(shown(document), enc_hook=str).decode() + "\n")
    sys.stdout.flush()


def show(columns: list[str], rows: list[list[Any]], title: str = "", numeric: tuple[str, ...] = ()) -> None:
    """Rows as a table on standard output."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name, justify="right" if name in numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    console = Console()
    # A pipe has no width of its own: wide enough that rows stay on a line.
    (console if console.is_terminal else Console(width=160)).print(table)


def identifier(text: str) -> tuple[str, str]:
    """Split KIND:VALUE. InputError-like usage message when there is no colon."""
    kind, colon, value = text.partition(":")
    if not colon or not value:
        raise click.BadParameter(f"'{text}' is not KIND:VALUE, such as email:ana@example.org or cookie:c-123.")
    return kind, value


def resolve(person_id: str | None, text: str) -> str:
    """The person found, or NotFound saying what was looked for."""
    if person_id is None:
        raise NotFound(
            f"No person goes by '{text}'.",
            next_step="Search in the console, or 'ariane sql \"SELECT * FROM identifiers\"'.",
        )
    return person_id
