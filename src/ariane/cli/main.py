"""The root of the command line: names, one-line helps, and where each command lives."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from ariane.arrow import load_arrow
from ariane.errors import ArianeError

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "Build a town with known truth and walk through it."),
    "init": ("init", "Make a folder a workspace."),
    "serve": ("serve", "Run the collector, the console and what lies between."),
    "import": ("imports", "Load a file or a known data set."),
    "bridge": ("bridges", "Follow an MQTT broker's topics into the log."),
    "sources": ("sources", "What other tools export or post: every kind, its mapping, a sample."),
    "note": ("note", "Type in a touchpoint nobody's machine saw."),
    "keys": ("keys", "List write keys, or add a source with a new one."),
    "sql": ("sql", "Ask the workspace in SQL."),
    "person": ("person", "Show one person: identifiers, timeline, and why they are one."),
    "journey": ("journey", "The measured map: steps, emotion, touchpoints."),
    "funnel": ("journey", "How many persons go from step to step."),
    "paths": ("journey", "Which step follows which."),
    "friction": ("journey", "Where it hurts, since when, for whom."),
    "voice": ("voice", "NPS, CSAT and CES with their intervals."),
    "attribute": ("attribute", "Which channel opens, feeds and closes."),
    "segment": ("segment", "Count or list the persons a rule names."),
    "score": ("score", "Expected purchases and the chance a person is still active."),
    "plan": ("plan", "What events should look like, what breaks it, what looks personal."),
    "rules": ("rules", "Who is whom: the rules in force, what other rules would change."),
    "link": ("link", "Find records that are one person's by what they say."),
    "suggest": ("suggest", "Who behaves like one person, for somebody to decide."),
    "decide": ("decide", "The next best action for a person, within consent."),
    "rebuild": ("rebuild", "Delete everything derived and derive it again."),
    "erase": ("erase", "Erase a person from log, lake and state."),
    "doctor": ("doctor", "Check this machine and this workspace; say what to do."),
}
LIGHT = frozenset({"init", "serve", "sources", "keys"})
"""What needs no Arrow, which takes a tenth of a second to load."""


class Commands(click.Group):
    """Loads a command's module only when that command is called, so that `--help` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        if name not in LIGHT:
            load_arrow()
        command = getattr(import_module(f"ariane.cli.{COMMANDS[name][0]}"), f"{name.replace('import', 'import_')}")
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean '{close[0]}'?" if close else " See 'ariane --help'."
            raise click.UsageError(f"No command '{args[0]}'.{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="ariane", message="ariane %(version)s")
def ariane() -> None:
    """Customer experience, measured: every touchpoint of every person, tied into one thread.

    Start with 'ariane demo'.
    """


def main() -> None:
    """Run the command line. A failure we know is one line on standard error, or JSON with --json."""
    try:
        ariane(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.exceptions.Exit as leaving:
        sys.exit(leaving.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except ArianeError as error:
        _report(error)
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)


def _report(error: ArianeError) -> None:
    if "--json" in sys.argv:
        import msgspec

        document = {
            "error": {"code": error.code, "message": str(error), "what": error.what, "next_step": error.next_step}
        }
        sys.stdout.write(msgspec.json.encode(document).decode() + "\n")
    else:
        click.echo(click.style("✗ ", fg="red", bold=True) + str(error), err=True)
