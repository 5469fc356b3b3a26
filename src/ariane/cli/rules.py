"""`ariane rules`."""

from __future__ import annotations

from pathlib import Path

import click

from ariane.cli.options import emit, show, workspace_option


@click.group(invoke_without_command=True)
@workspace_option
@click.pass_context
def rules(context: click.Context, path: Path, as_json: bool) -> None:
    """The rules by which identifiers become persons: those in force, what identity.toml would change, applying it.

    Without a command: the version in force, every version before it, and the rules of each kind of identifier.
    """
    if context.invoked_subcommand is not None:
        if context.params["workspace"] is not None or as_json:
            raise click.UsageError(f"Options go after '{context.invoked_subcommand}'.", context)
        return
    import ariane
    from ariane.identity.guarding import version_of, versions

    with ariane.open(path):
        version, applied = version_of(path), versions(path)
    if as_json:
        emit({"number": version.number, "at": version.at, "actor": version.actor, "digest": version.digest,
              "rules": version.rules, "versions": [[one.number, one.at, one.actor] for one in applied]})  # fmt: skip
        return
    if version.number:
        click.echo(f"Version {version.number}, applied {version.at} by {version.actor}.")
        show(["version", "applied", "by"], [[one.number, one.at, one.actor] for one in applied], numeric=("version",))
    else:
        click.echo("No version was applied: identity.toml is in force as it stands, over what is shipped.")
    rows = [
        [kind, one.priority, _within(one.limit, one.within_days), _within(one.shared_after, one.shared_within_days),
         len(one.block) or None]
        for kind, one in sorted(version.rules.kinds.items(), key=lambda item: -item[1].priority)
    ]  # fmt: skip
    columns = ["kind", "priority", "at most", "shared after", "blocked patterns"]
    show(columns, rows, numeric=("priority", "at most", "shared after", "blocked patterns"))


def _within(n: int | None, days: int | None) -> str | None:
    return None if n is None else f"{n}" if days is None else f"{n} in {days} days"


@rules.command()
@click.option("--lang", type=click.Choice(["en", "fr"]), default="en", help="The language of the report.")
@click.option("--actor", default="cli", help="Who looks.")
@workspace_option
def check(path: Path, as_json: bool, lang: str, actor: str) -> None:
    """What identity.toml would change, were it applied: persons merged and split, events and consents that would change
    hands, with examples. Nothing is written."""
    import ariane
    from ariane.identity.guarding import difference, proposed, words

    with ariane.open(path) as ws:
        proposal, permit = proposed(path), ws.permit("service", actor)
        found = ws.looked_up(lambda conn: difference(conn, permit, proposal.in_force.rules, proposal.rules))
    if as_json:
        emit({"in_force": proposal.in_force.number, "changes": proposal.changes, "difference": found})
        return
    if not proposal.changes:
        click.echo("identity.toml says what is in force.")
    for at, before, after in proposal.changes:
        click.echo(f"{at}: {before or 'absent'} → {after or 'absent'}")
    for sentence in words(found, lang):
        click.echo(sentence)


@rules.command()
@click.option("--actor", required=True, help="Who decides it: stays on record with the version.")
@workspace_option
def apply(path: Path, as_json: bool, actor: str) -> None:
    """Put what identity.toml says in force, as the next version. The history is solved again by what is served, or when
    it is served next."""
    import ariane
    from ariane.identity.guarding import apply as put_in_force
    from ariane.identity.guarding import proposed

    with ariane.open(path):
        proposal = proposed(path)
        version = put_in_force(path, proposal, actor)
    if as_json:
        emit({"number": version.number, "was": proposal.in_force.number, "rebuild": proposal.rereads})
        return
    if version.number == proposal.in_force.number:
        click.echo(f"Version {version.number} is in force already.")
        return
    click.echo(f"Version {version.number} is in force: {len(proposal.changes)} changes.")
    if proposal.rereads:
        click.echo("Events that are there already were read by the rules before: run 'ariane rebuild'.")
