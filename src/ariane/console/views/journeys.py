"""Journeys: the measured map, where it hurts on it, and the persons behind every number."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ariane.console import asked as asking
from ariane.console import behind, drawing, findings, measuring, names, reading, render, sheets
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.console.figures import Figure
from ariane.console.reading import Choices
from ariane.journeys.measured import StepView
from ariane.model import SECOND


class TableRow(msgspec.Struct, frozen=True):
    """A step as a line of the table that says the same as the map."""

    name: str
    stage: str
    persons: str
    reach: str
    emotion: str
    bounds: str
    heard: str
    drop: str
    wait: str


class Journeys(msgspec.Struct, frozen=True, kw_only=True):
    """The screen."""

    name: str
    subtitle: str
    choices: Choices | None
    proposed: bool = False
    drawing: drawing.Drawing | None = None
    figures: tuple[Figure, ...] = ()
    held: str = ""
    quiet: measuring.Quiet | None = None
    findings: tuple[findings.Card, ...] = ()
    findings_sub: str = ""
    table: tuple[TableRow, ...] = ()
    csv: str = ""
    csv_touchpoints: str = ""
    csv_findings: str = ""
    opened: behind.Behind | None = None
    why_empty: str = ""
    commands: tuple[str, ...] = ()


def routes() -> list[Route]:
    return [
        Route("/journeys", show),
        Route("/journeys/behind", drawer),
        Route("/journeys/behind.csv", download_behind),
        Route("/journeys/steps.csv", download_steps),
        Route("/journeys/touchpoints.csv", download_touchpoints),
        Route("/journeys/findings.csv", download_findings),
    ]


def show(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    context = _screen(desk, asked)
    return render.page(desk, asked, "journeys.html", context, title=context.name)


def _screen(desk: Desk, asked: Asked) -> Journeys:
    tongue = desk.tongue(asked.lang)
    if desk.extent().n_events == 0:
        return Journeys(
            name=tongue._("Journeys"),
            subtitle=tongue._("Measured from events and surveys, not drawn by hand"),
            choices=None,
            why_empty=tongue._(
                "The map is measured from events. Send some to the collector, import a file, or visit a demo town."
            ),
            commands=("ariane keys", "ariane import --help", "ariane demo"),
        )
    measured = measuring.ready(desk, asked)
    drawn = measured.map
    cards = findings.cards(desk, asked)
    if not drawn.steps:
        return Journeys(
            name=tongue._("Journeys"),
            subtitle=measuring.subtitle(desk, asked),
            choices=reading.choices(desk, asked),
            why_empty=tongue._("No step could be proposed from the events of this period."),
            commands=("ariane journey --propose",),
        )
    anchors = {card.step: card.anchor for card in reversed(cards)}
    return Journeys(
        name=names.text(drawn.name, asked.lang) or tongue._("Journey"),
        subtitle=tongue._("Measured from events and surveys, not drawn by hand")
        + " · "
        + measuring.subtitle(desk, asked),
        choices=reading.choices(desk, asked),
        proposed=drawn.proposed,
        drawing=drawing.draw(tongue, asked, drawn, anchors),
        figures=tuple(measuring.tiles(desk, asked, measured)),
        quiet=measuring.quiet(desk, asked, measured),
        held=measuring.held(desk, asked, drawn),
        findings=tuple(cards),
        findings_sub=findings.subtitle(desk, asked, cards),
        table=tuple(_table(desk, asked, measured)),
        csv=asked.link("/journeys/steps.csv"),
        csv_touchpoints=asked.link("/journeys/touchpoints.csv"),
        csv_findings=asked.link("/journeys/findings.csv"),
        opened=behind.behind(desk, asked, asked.get("open")) if asked.get("open") else None,
    )


def _table(desk: Desk, asked: Asked, measured: measuring.Measured) -> Iterator[TableRow]:
    tongue, minimum = desk.tongue(asked.lang), measured.map.minimum
    few = tongue._("too few")
    for step in measured.map.steps:
        known = step.n_persons >= minimum or step.n_persons == 0
        yield TableRow(
            names.text(step.name, asked.lang),
            names.stage(tongue, step.stage),
            tongue.number(step.n_persons) if known else few,
            tongue.percent(step.reach.value, 1) if known else few,
            tongue.signed(step.emotion.value, 2)
            if step.emotion.value is not None
            else (few if step.emotion.n else "–"),
            tongue.interval(step.emotion, "signed", 2),
            tongue.number(step.emotion.n),
            tongue.percent(step.drop_off.value) if step.drop_off.n >= minimum else (few if step.drop_off.n else "–"),
            tongue.duration(None if step.median_wait_s is None else step.median_wait_s * SECOND),
        )


def drawer(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    return render.part(desk, asked, "behind.html", behind.behind(desk, asked, asked.get("open")))


def download_behind(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    return behind.download(desk, asking.read(request, desk.settings.language))


def download_steps(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    drawn = measuring.measure(desk, asked).map
    header = (
        "step", "name", "stage", "n_persons", "n_events", "reach", "reach_lo", "reach_hi", "emotion", "emotion_lo",
        "emotion_hi", "n_heard", "drop_off", "drop_off_lo", "drop_off_hi", "n_drop_off", "median_wait_s", "p95_wait_s",
        "marks",
    )  # fmt: skip
    rows = (
        _step_row(step, asked.lang) for step in drawn.steps if step.n_persons >= drawn.minimum or step.n_persons == 0
    )
    return sheets.sheet("journey-steps", header, rows)


def _step_row(step: StepView, lang: str) -> tuple[object, ...]:
    reach, emotion, left = step.reach, step.emotion, step.drop_off
    return (
        step.key, names.text(step.name, lang), step.stage, step.n_persons, step.n_events, reach.value, reach.lo,
        reach.hi,
        emotion.value, emotion.lo, emotion.hi, emotion.n, left.value, left.lo, left.hi, left.n, step.median_wait_s,
        step.p95_wait_s, " ".join(step.marks),
    )  # fmt: skip


def download_touchpoints(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    drawn = measuring.measure(desk, asked).map
    header = (
        "step",
        drawn.rows_are,
        "n_persons",
        "n_events",
        "reach",
        "rate",
        "emotion",
        "emotion_lo",
        "emotion_hi",
        "n_heard",
    )
    rows = (
        (
            step.key,
            c.row,
            c.n_persons,
            c.n_events,
            c.reach.value,
            c.rate,
            c.emotion.value,
            c.emotion.lo,
            c.emotion.hi,
            c.emotion.n,
        )
        for step in drawn.steps
        for c in step.cells
        if c.n_persons >= drawn.minimum
    )
    return sheets.sheet("journey-touchpoints", header, rows)


def download_findings(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    return findings.download(desk, asking.read(request, desk.settings.language))
