"""`ariane demo`."""

from __future__ import annotations

from pathlib import Path

import click

from ariane.cli.options import emit


@click.command()
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path), default=Path("ariane-demo"), help="Where the town lives."
)
@click.option(
    "--persons",
    type=click.IntRange(1, 1_000_000),
    default=5_000,
    help="How many persons, up to 1,000,000. Default 5,000.",
)
@click.option("--seed", type=int, default=1, help="The same seed builds the same town.")
@click.option("--no-serve", is_flag=True, help="Build it, print the summary, and stop.")
@click.option("--port", type=int, default=None, help="Port of the console. Default 8600, or the next one free.")
@click.option("--fresh", is_flag=True, help="Build it again even if it stands already.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def demo(folder: Path, persons: int, seed: int, no_serve: bool, port: int | None, fresh: bool, as_json: bool) -> None:
    """Build a town with known truth: its people visit, buy, wait, call and tell their friends, and every event goes
    through the real collector. Then walk through it in the console."""
    from ariane.cli.progress import log_progress
    from ariane.cli.summary import summarise, write
    from ariane.demo import Plan, build, standing

    plan = Plan(folder=folder, n_persons=persons, seed=seed, port=port)
    ready = standing(plan, fresh=fresh)
    with log_progress() as advance:
        serving, built = build(plan, already=ready, advance=advance)
    try:
        if not no_serve:
            serving.start_late()
        found = summarise(folder, built)
        if as_json:
            emit({"address": None if no_serve else serving.address, **found})
        else:
            write(found, None if no_serve else serving.address)
        if not no_serve:
            serving.wait()
    finally:
        serving.stop()
