"""`ariane plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from ariane.cli.options import emit, show, workspace_option
from ariane.workspace import iso


@click.group()
def plan() -> None:
    """The tracking plan: what events should look like, what breaks it, what looks personal.

    EVENT is a track event's name ("Order Completed") or a type (page, screen, identify, group, alias).
    """


@plan.command()
@click.argument("event", required=False)
@click.option("--sample", type=click.IntRange(0), default=1_000, help="Events of each kind looked at; 0: all.")
@click.option("--force", is_flag=True, help="In the place of schemas that are there already.")
@click.option("--dry-run", is_flag=True, help="Print the schemas and write nothing.")
@workspace_option
def infer(path: Path, as_json: bool, event: str | None, sample: int, force: bool, dry_run: bool) -> None:
    """Propose a schema for EVENT, or for every kind that has none, from what has arrived, in the folder plan."""
    import ariane

    with ariane.open(path) as ws:
        if dry_run:
            emit(ws.plan.infer(event, sample=sample))
            return
        files = ws.plan.draft(event, sample=sample, force=force)
    if as_json:
        emit({"files": [str(file) for file in files]})
        return
    for file in files:
        click.echo(file)
    click.echo(f"{len(files):,} schemas written. Read them, edit them, then 'ariane plan freeze EVENT'.")


@plan.command("show")
@click.argument("event", required=False)
@workspace_option
def show_(path: Path, as_json: bool, event: str | None) -> None:
    """Every kind of event and how it stands; with EVENT, its schema and what was frozen."""
    import ariane

    with ariane.open(path) as ws:
        if event is not None:
            schema, versions = ws.plan.schema(event), ws.plan.versions(event)
            warned = ws.plan.warnings(event)
            if as_json:
                emit({"schema": schema, "versions": versions, "warnings": warned})
                return
            click.echo(msgspec.json.format(msgspec.json.encode(schema), indent=2).decode())
            show(["version", "mode", "since"], [[one.version, one.mode, iso(one.since_us)] for one in versions])
            show(["broken", "events", "source"], [[one.reason, f"{one.n:,}", one.source] for one in warned])
            return
        events = ws.plan.events()
    if as_json:
        emit({"events": events})
        return
    rows = [
        [one.name, ", ".join(one.sources), f"{one.n:,}", one.status, one.mode, one.version or "", f"{one.n_warned:,}",
         f"{one.n_held:,}"]
        for one in events
    ]  # fmt: skip
    columns = ["event", "sources", "events", "status", "mode", "version", "warnings", "held"]
    show(columns, rows, numeric=("events", "version", "warnings", "held"))


@plan.command()
@click.argument("event")
@click.option(
    "--mode", type=click.Choice(["warn", "quarantine"]), default="warn", help="What happens to what breaks it."
)
@click.option("--since", default=None, metavar="INSTANT", help="From when on; two seconds from now unless it is given.")
@workspace_option
def freeze(path: Path, as_json: bool, event: str, mode: str, since: str | None) -> None:
    """Hold EVENT to its schema from now on: warn keeps what breaks it and counts it, quarantine holds it apart."""
    import ariane

    with ariane.open(path) as ws:
        version = ws.plan.freeze(event, mode, since=since)
    if as_json:
        emit(version)
        return
    click.echo(f"'{event}' is frozen: version {version.version}, {version.mode}, from {iso(version.since_us)} on.")


@plan.command()
@click.argument("event")
@workspace_option
def thaw(path: Path, as_json: bool, event: str) -> None:
    """Hold EVENT to nothing again. What is in quarantine stays there until 'ariane plan replay'."""
    import ariane

    with ariane.open(path) as ws:
        version = ws.plan.thaw(event)
    if as_json:
        emit(version)
        return
    click.echo(f"'{event}' is held to nothing from {iso(version.since_us)} on.")


@plan.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--event", default=None, help="Only this event.")
@click.option("--since", default=None, metavar="DATE", help="What was received from this day or instant on.")
@workspace_option
def check(path: Path, as_json: bool, file: Path | None, event: str | None, since: str | None) -> None:
    """Hold the events of FILE (one JSON object a line), or those received, against the schemas as they are edited.

    Exits with 1 when any breaks them.
    """
    import ariane

    with ariane.open(path) as ws:
        checked = ws.plan.check(file, since=since, name=event)
    if as_json:
        emit({"ok": not any(one.n_broken for one in checked), "events": checked})
    else:
        rows = [[one.name, f"{one.n:,}", f"{one.n_broken:,}", _first(one.reasons)] for one in checked]
        show(["event", "events", "break it", "how"], rows, numeric=("events", "break it"))
    if any(one.n_broken for one in checked):
        raise click.exceptions.Exit(1)


def _first(reasons: tuple[Any, ...]) -> str:
    return "; ".join(f"{one.reason} ({one.n:,})" for one in reasons[:3])


@plan.command()
@click.argument("event")
@click.option("--arrived", is_flag=True, help="Beside what arrives, rather than beside what was frozen.")
@workspace_option
def diff(path: Path, as_json: bool, event: str, arrived: bool) -> None:
    """What EVENT's schema says otherwise than the version that was frozen last; or what arrives otherwise than it."""
    import ariane

    with ariane.open(path) as ws:
        found = ws.plan.differences(event, arrived=arrived)
    if as_json:
        emit({"event": event, "differences": found})
        return
    rows = [[one.field, one.what, one.before, one.after] for one in found]
    show(["field", "what", "in the schema" if arrived else "frozen", "arrives" if arrived else "edited"], rows)


@plan.command()
@click.argument("event", required=False)
@click.option("--limit", type=click.IntRange(1), default=20, help="How many of the newest to list.")
@workspace_option
def quarantine(path: Path, as_json: bool, event: str | None, limit: int) -> None:
    """What is held, by reason, and the newest of it."""
    import ariane

    with ariane.open(path) as ws:
        found = ws.plan.quarantine(event, limit=limit)
    if as_json:
        emit(found)
        return
    show(
        ["event", "reason", "events"],
        [[one.name, one.reason, f"{one.n:,}"] for one in found.reasons],
        numeric=("events",),
    )
    rows = [
        [iso(one.received_us), one.name, one.source, one.message_id, "; ".join(one.reasons)] for one in found.events
    ]
    show(["received", "event", "source", "message id", "breaks"], rows)
    click.echo(f"{found.n:,} events held. After a fix, 'ariane plan replay' lets out what keeps to the plan.")


@plan.command()
@click.argument("event", required=False)
@workspace_option
def replay(path: Path, as_json: bool, event: str | None) -> None:
    """Let out of quarantine what keeps to the plan by now; each becomes an event once."""
    import ariane

    with ariane.open(path) as ws:
        done = ws.plan.replay(event)
    if as_json:
        emit(done)
        return
    click.echo(f"{done.n_released:,} events let out; {done.n_held:,} stay.")


@plan.command()
@click.option("--sample", type=click.IntRange(0), default=1_000, help="Events of each kind looked at; 0: all.")
@click.option("--since", default=None, metavar="DATE", help="Only what was received from this day or instant on.")
@workspace_option
def personal(path: Path, as_json: bool, sample: int, since: str | None) -> None:
    """Fields that look personal (e-mail, telephone, card, account …) and that the plan does not declare so."""
    import ariane

    with ariane.open(path) as ws:
        found = ws.plan.personal(sample=sample, since=since)
    if as_json:
        emit({"suspicions": found, "sample": sample})
        return
    rows: list[list[Any]] = [
        [one.source, one.event or one.type, one.field, one.kind, f"{one.n:,} of {one.n_values:,}", one.example]
        for one in found
    ]
    show(["source", "event", "field", "looks like", "values", "such as"], rows)
    click.echo('Declare a field with "x-personal" in its schema to say that it is meant.')


@plan.command()
@workspace_option
def noise(path: Path, as_json: bool) -> None:
    """What was no person's doing, by day and reason; machines that say what they are aside."""
    import ariane

    with ariane.open(path) as ws:
        found = ws.plan.noise()
    if as_json:
        emit({"days": found})
        return
    rows = [[one.event_on, one.reason, f"{one.n_identifiers:,}", f"{one.n_events:,}"] for one in found]
    show(["day", "reason", "identifiers", "events"], rows, numeric=("identifiers", "events"))
