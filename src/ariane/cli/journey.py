"""`ariane journey`, `funnel`, `paths` and `friction`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ariane.cli.options import emit, narrowing, show, workspace_option
from ariane.cli.words import duration, interval, share, text


@click.command()
@click.option("--compare-with", default=None, help="A segment to compare the figures with.")
@narrowing
@workspace_option
def journey(path: Path, as_json: bool, compare_with: str | None, narrowed: dict[str, Any]) -> None:
    """The measured map: persons, emotion with its 95 % band, drop-off and waits, step by step."""
    import ariane

    with ariane.open(path) as ws:
        found = ws.journeys.map(compare_segment=compare_with, **narrowed)
    if as_json:
        emit(found)
        return
    title = text(found.name) + (" (proposed from the data)" if found.proposed else "")
    rows = [
        [
            step.stage, text(step.name) or step.key, f"{step.n_persons:,}", interval(step.emotion, "+.1f"),
            share(step.drop_off), duration(step.median_wait_s), ", ".join(step.marks),
        ]
        for step in found.steps
    ]  # fmt: skip
    columns = ["stage", "step", "persons", "emotion", "drop-off", "wait", "marks"]
    show(columns, rows, title, numeric=("persons",))
    if found.rows_are != "channel":
        _show_rows(found)
    for kpi in found.kpis:
        form = "+.0f" if kpi.key == "nps" else ".3f"
        click.echo(f"{kpi.key}: {interval(kpi.now, form)}  n {kpi.now.n:,}")
    click.echo(
        f"{found.n_persons:,} persons, {found.n_events:,} events; {found.n_held_back:,} persons held back by consent"
    )


def _show_rows(found: Any) -> None:
    """The grid, when its rows are a property: how many, and at what rate of the step before."""
    rows = [
        [
            cell.row or "(none)",
            text(step.name) or step.key,
            f"{cell.n_events:,}",
            "" if cell.rate is None else f"{cell.rate:.1%}",
        ]
        for row in found.rows
        for step in found.steps
        for cell in step.cells
        if cell.row == row
    ]
    show([found.rows_are.removeprefix("prop_"), "step", "events", "rate"], rows, numeric=("events", "rate"))


@click.command()
@click.argument("steps", nargs=-1)
@click.option(
    "--window", "window_s", type=int, default=None, help="Conversion window in seconds. Default: the journey's."
)
@narrowing
@workspace_option
def funnel(path: Path, as_json: bool, steps: tuple[str, ...], window_s: int | None, narrowed: dict[str, Any]) -> None:
    """How many persons reach each of STEPS in order, other steps allowed between."""
    import ariane

    with ariane.open(path) as ws:
        found = ws.journeys.funnel(steps, window_s=window_s, **narrowed)
    if as_json:
        emit(found)
        return
    rows = [[step.step, f"{step.n_persons:,}", share(step.of_first), share(step.of_previous)] for step in found.steps]
    show(["step", "persons", "of the first", "of the one before"], rows, numeric=("persons",))
    click.echo(f"within {duration(found.window_s)}; {found.n_held_back:,} persons held back by consent")


@click.command()
@click.option("--limit", type=click.IntRange(1), default=40, help="How many transitions to show.")
@click.option("--loops/--no-loops", default=False, help="Keep a step that follows itself.")
@narrowing
@workspace_option
def paths(path: Path, as_json: bool, limit: int, loops: bool, narrowed: dict[str, Any]) -> None:
    """Which step follows which: how often, for how many persons, after how long."""
    import ariane

    with ariane.open(path) as ws:
        found = ws.journeys.paths(collapse_loops=not loops, **narrowed)
    rows = sorted(found.to_dicts(), key=lambda row: (-row["n"], row["from_step"], row["to_step"]))
    if as_json:
        emit({"paths": rows, "n_held_back": found.n_held_back})
        return
    shown = [
        [
            row["from_step"], row["to_step"], f"{row['n']:,}", f"{row['n_persons']:,}",
            duration(row["median_wait_s"]), duration(row["p95_wait_s"]),
        ]
        for row in rows[:limit]
    ]  # fmt: skip
    show(["from", "to", "times", "persons", "median wait", "95 % within"], shown, numeric=("times", "persons"))
    if len(rows) > limit:
        rest = sum(row["n"] for row in rows[limit:])
        click.echo(f"others: {len(rows) - limit} transitions, {rest:,} times")


def _whom(slice: dict[str, str]) -> str:
    named = (f"{name.removeprefix('prop_').removeprefix('ctx_')} {value}" for name, value in slice.items())
    return ", ".join(named) or "everybody"


@click.command()
@narrowing
@workspace_option
def friction(path: Path, as_json: bool, narrowed: dict[str, Any]) -> None:
    """Where it hurts: since when, for whom, how sure. Nothing is shown that chance could explain."""
    import ariane

    with ariane.open(path) as ws:
        found = ws.journeys.frictions(**narrowed).rows
    if as_json:
        emit(found)
        return
    if not found:
        click.echo("No friction can be told from chance in this period.")
        return
    rows = [
        [
            one.detector, one.step + (f" → {one.to_step}" if one.to_step != one.step else ""),
            _whom(one.slice),
            f"{one.began_on} – {one.ended_on}", share(one.rate), share(one.baseline), f"{one.n_persons:,}",
        ]
        for one in found
    ]  # fmt: skip
    show(["what", "where", "who", "when", "rate", "else", "persons"], rows, numeric=("persons",))
