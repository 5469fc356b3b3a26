"""Overview: how it goes, where it hurts, along which journey, on which channels, and what consent allows."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ariane import consent, identity
from ariane.console import asked as asking
from ariane.console import drawing, faces, figures, findings, measuring, names, reading, render, sheets
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.console.reading import Choices
from ariane.console.words import N_
from ariane.model import PURPOSES

NEARLY_EMPTY = 200
TOP_FINDINGS = 3
NAME_WIDTH = 15.0


class FirstStep(msgspec.Struct, frozen=True):
    headline: str
    text: str
    commands: tuple[str, ...]
    done: bool


class MiniDot(msgspec.Struct, frozen=True):
    x: float
    y: float
    tone: str
    name: str
    label: str
    title: str
    edge: str
    above: bool


class ChannelShare(msgspec.Struct, frozen=True):
    key: str
    name: str
    share: float
    said: str
    title: str


class PurposeCount(msgspec.Struct, frozen=True):
    purpose: str
    basis: str
    allowed: str
    held: str


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """The screen."""

    name: str
    subtitle: str
    is_new: bool
    choices: Choices | None = None
    steps: tuple[FirstStep, ...] = ()
    figures: tuple[figures.Figure, ...] = ()
    held: str = ""
    quiet: measuring.Quiet | None = None
    journey_name: str = ""
    journey_href: str = ""
    spoken: str = ""
    stages: tuple[drawing.StageHead, ...] = ()
    stage_columns: str = ""
    line: tuple[str, ...] = ()
    band: tuple[str, ...] = ()
    dots: tuple[MiniDot, ...] = ()
    columns: tuple[drawing.Column, ...] = ()
    findings: tuple[findings.Card, ...] = ()
    findings_sub: str = ""
    channels: tuple[ChannelShare, ...] = ()
    channels_csv: str = ""
    consents: tuple[PurposeCount, ...] = ()


def routes() -> list[Route]:
    return [Route("/", show), Route("/channels.csv", download)]


def show(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    tongue = desk.tongue(asked.lang)
    context = _screen(desk, asked)
    return render.page(desk, asked, "overview.html", context, title=tongue._("Overview"))


def _screen(desk: Desk, asked: Asked) -> Overview:
    tongue = desk.tongue(asked.lang)
    extent = desk.extent()
    steps = _first_steps(desk, asked) if extent.n_events < NEARLY_EMPTY else ()
    if extent.n_events == 0:
        return Overview(
            name=desk.settings.name,
            subtitle=tongue._("An empty workspace, ready for its first event"),
            is_new=True,
            steps=steps,
        )
    measured = measuring.ready(desk, asked)
    found = findings.cards(desk, asked)
    drawn = drawing.draw(tongue, asked, measured.map, {}) if measured.map.steps else None
    return Overview(
        name=desk.settings.name,
        subtitle=measuring.subtitle(desk, asked),
        is_new=False,
        choices=reading.choices(desk, asked),
        steps=steps,
        figures=tuple(measuring.tiles(desk, asked, measured)),
        quiet=measuring.quiet(desk, asked, measured),
        held=measuring.held(desk, asked, measured.map),
        journey_name=names.text(measured.map.name, asked.lang) or tongue._("Journey"),
        journey_href=asked.link("/journeys"),
        spoken=drawn.spoken if drawn else "",
        stages=drawn.stages if drawn else (),
        stage_columns=" ".join(f"{head.span}fr" for head in drawn.stages) if drawn else "",
        line=drawn.line if drawn else (),
        band=drawn.band if drawn else (),
        dots=_dots(drawn) if drawn else (),
        columns=drawn.columns if drawn else (),
        findings=tuple(found[:TOP_FINDINGS]),
        findings_sub=tongue.n_("%(n)s finding in this period", "%(n)s findings in this period", len(found)),
        channels=_channels(desk, asked),
        channels_csv=asked.link("/channels.csv"),
        consents=_consents(desk, asked),
    )


def _dots(drawn: drawing.Drawing) -> tuple[MiniDot, ...]:
    """Every measured step as a dot; the strongest marks are named, as long as their names do not touch."""
    felt = [(column, column.dot) for column in drawn.columns if column.dot is not None]
    named: list[float] = []
    for column, dot in sorted(felt, key=lambda pair: -abs(50 - pair[1].y)):
        if column.tone and all(abs(dot.x - x) > NAME_WIDTH for x in named):
            named.append(dot.x)
    return tuple(
        MiniDot(
            dot.x,
            dot.y,
            column.tone,
            column.name if dot.x in named else "",
            dot.label,
            dot.title,
            _edge(dot.x),
            dot.y < 50,
        )
        for column, dot in felt
    )


def _edge(x: float) -> str:
    return "left" if x < NAME_WIDTH / 2 else "right" if x > 100 - NAME_WIDTH / 2 else ""


def _channel_rows(desk: Desk, asked: Asked) -> tuple[list[dict[str, Any]], int]:
    period = reading.period_of(desk, asked)

    def compute() -> tuple[list[dict[str, Any]], int]:
        population = reading.population_of(desk, asked, period)
        events = population.events
        counted = events.group_by("channel").aggregate(persons=events.person_id.nunique(), events=events.count())
        rows = desk.engine.run(counted.order_by([counted.persons.desc(), counted.channel])).to_pylist()
        return rows, population.n_persons()

    return desk.answer(("channel shares", period, asked.segment), compute)


def _channels(desk: Desk, asked: Asked) -> tuple[ChannelShare, ...]:
    tongue = desk.tongue(asked.lang)
    rows, everyone = _channel_rows(desk, asked)
    return tuple(
        ChannelShare(
            row["channel"],
            names.channel(tongue, row["channel"]),
            row["persons"] / max(everyone, 1),
            tongue.percent(row["persons"] / max(everyone, 1)),
            tongue.n_("%(n)s person", "%(n)s persons", row["persons"])
            + " · "
            + tongue.n_("%(n)s event", "%(n)s events", row["events"]),
        )
        for row in rows
    )


def _consents(desk: Desk, asked: Asked) -> tuple[PurposeCount, ...]:
    tongue = desk.tongue(asked.lang)
    period = reading.period_of(desk, asked)
    bases = faces.bases(desk)

    def compute() -> list[tuple[str, str, int, int]]:
        found: list[tuple[str, str, int, int]] = []
        with desk.stores.state.read() as conn:
            for purpose in PURPOSES:
                permit = consent.permit(purpose, actor="console", bases=bases)
                may = identity.people(conn, permit, limit=0, seen_since_us=period.since_us)
                found.append((purpose, permit.basis, may.total, may.n_held_back))
        return found

    return tuple(
        PurposeCount(
            names.purpose(tongue, purpose),
            tongue._(names.BASIS_NAMES[basis]),
            tongue.number(allowed),
            tongue.number(held),
        )
        for purpose, basis, allowed, held in desk.answer(("consents", period), compute)
    )


def _first_steps(desk: Desk, asked: Asked) -> tuple[FirstStep, ...]:
    tongue = desk.tongue(asked.lang)
    engine = desk.engine
    events, persons = engine.table("events"), engine.table("persons")

    def compute() -> tuple[bool, bool, bool]:
        counted = engine.run(
            events.aggregate(n=events.count(), told=events.count(where=events.event == "Survey Answered"))
        )
        tied = engine.run(persons.aggregate(n=persons.count(where=persons.n_identifiers > 1)))
        row = counted.to_pylist()[0]
        return row["n"] > 0, row["told"] > 0, tied.to_pylist()[0]["n"] > 0

    has_events, has_answers, has_tied = desk.answer("first steps", compute)
    has_journey = (desk.stores.path / "journey.toml").exists()
    told = (
        (N_("Make a workspace"), "", (), True),
        (
            N_("Let the first event in"),
            N_("Give your site or app a write key (any Segment client works), or import a file you have."),
            ("ariane keys", "ariane import --help"),
            has_events,
        ),
        (
            N_("Tie identifiers into persons"),
            N_("Send an identify call when somebody signs in: their cookies, devices and cards become one person."),
            ("ariane person email:somebody@example.org",),
            has_tied,
        ),
        (
            N_("Write down the journey"),
            N_("Let Ariane propose the steps from your events, then name and order them as you meant them."),
            ("ariane journey --propose > journey.toml",),
            has_journey,
        ),
        (
            N_("Ask how it felt"),
            N_("Send survey answers as events: the emotion curve begins with five persons at a step."),
            ("ariane voice --help",),
            has_answers,
        ),
    )
    return tuple(
        FirstStep(tongue._(headline), tongue._(text) if text else "", commands, done)
        for headline, text, commands, done in told
    )


def download(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    asked = asking.read(request, desk.settings.language)
    rows, everyone = _channel_rows(desk, asked)
    return sheets.sheet(
        "channels",
        ("channel", "n_persons", "share", "n_events"),
        ((row["channel"], row["persons"], row["persons"] / max(everyone, 1), row["events"]) for row in rows),
    )
