"""Found vs planted: in a demo town everything is known, so what Ariane found can be put beside what is true."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ariane.console import asked as asking
from ariane.console import findings, measuring, names, reading, render, scoring, sheets
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.console.figures import Figure
from ariane.errors import NotFound
from ariane.journeys.measured import StepView

TOLERANCE_DAYS = 2


class Match(msgspec.Struct, frozen=True):
    """A planted friction beside what was found of it. `verdict` is good (found), near (dates off) or bad (missed)."""

    what: str
    where: str
    planted: str
    found: str
    verdict: str
    said: str
    href: str


class Compared(msgspec.Struct, frozen=True):
    """Something planted, its size, and what was measured of it."""

    name: str
    detail: str
    planted: str
    found: str
    verdict: str
    said: str


class Heard(msgspec.Struct, frozen=True):
    """How well the persons seen on a channel were put together."""

    key: str
    name: str
    precision: str
    recall: str
    n: str


class Effect(msgspec.Struct, frozen=True):
    """What a channel was planted to add. `share` is of the largest."""

    key: str
    name: str
    share: float
    planted: str


class Planted(msgspec.Struct, frozen=True, kw_only=True):
    """The screen."""

    subtitle: str
    figures: tuple[Figure, ...]
    matches: tuple[Match, ...]
    unexplained: tuple[findings.Card, ...]
    frictions_said: str
    delights: tuple[Compared, ...]
    moments: tuple[Compared, ...]
    effects: tuple[Effect, ...]
    channels: tuple[Heard, ...]
    csv: str


def routes() -> list[Route]:
    return [Route("/planted", show), Route("/planted.csv", download)]


def show(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    asked = _whole(asking.read(request, desk.settings.language))
    tongue = desk.tongue(asked.lang)
    return render.page(desk, asked, "planted.html", _screen(desk, asked), title=tongue._("Found vs planted"))


def _whole(asked: Asked) -> Asked:
    """What was planted lies anywhere in the town's history: this screen looks at all of it, unless told otherwise."""
    return asked if "range" in asked.params else msgspec.structs.replace(asked, params={**asked.params, "range": "all"})


def _folder(desk: Desk) -> Path:
    if desk.truth is None:
        raise NotFound(
            "This workspace has no planted truth.", next_step="Build a town that has one with 'ariane demo'."
        )
    return desk.truth


def _screen(desk: Desk, asked: Asked) -> Planted:
    tongue = desk.tongue(asked.lang)
    folder = _folder(desk)
    drawn = measuring.ready(desk, asked).map
    matches, unexplained = _frictions(desk, asked, folder)
    n_found = sum(match.verdict == "good" for match in matches)
    steps = {step.key: step for step in drawn.steps}
    return Planted(
        subtitle=tongue._(
            "In this town everything is known. Nothing below was told to Ariane: it was found, then compared."
        ),
        figures=tuple(_figures(desk, asked, folder, matches)),
        matches=tuple(matches),
        unexplained=tuple(unexplained),
        frictions_said=tongue._(
            "%(found)s of %(planted)s found, dates within %(days)s days; %(false)s findings nothing planted explains",
            found=tongue.number(n_found),
            planted=tongue.number(len(matches)),
            days=tongue.number(TOLERANCE_DAYS),
            false=tongue.number(len(unexplained)),
        ),
        delights=tuple(_delights(desk, asked, folder, steps)),
        moments=tuple(_moments(desk, asked, folder, steps)),
        effects=tuple(_effects(desk, asked, folder)),
        channels=tuple(_channels(desk, asked, folder)),
        csv=asked.link("/planted.csv"),
    )


def _score(desk: Desk, folder: Path) -> scoring.IdentityScore:
    def compute() -> scoring.IdentityScore:
        table = desk.engine.table("identifiers")
        rows = desk.engine.run(table.select("kind", "value", "person_id"))
        found = zip(*(rows.column(name).to_pylist() for name in ("kind", "value", "person_id")), strict=True)
        return scoring.identity_score(found, scoring.truth(folder, "identifiers"))

    return desk.answer("identity score", compute)


def _channels(desk: Desk, asked: Asked, folder: Path) -> list[Heard]:
    tongue = desk.tongue(asked.lang)
    return [
        Heard(
            channel, names.channel(tongue, channel), tongue.percent(score.precision, 2),
            tongue.percent(score.recall, 2), tongue.number(score.n_true),
        )
        for channel, score in _score(desk, folder).by_channel.items()
    ]  # fmt: skip


def _figures(desk: Desk, asked: Asked, folder: Path, matches: list[Match]) -> list[Figure]:
    tongue = desk.tongue(asked.lang)
    score = _score(desk, folder)
    n_persons = len(scoring.truth(folder, "persons"))
    found = sum(match.verdict == "good" for match in matches)
    return [
        Figure(
            key="precision",
            label=tongue._("Rightly put together"),
            value=tongue.percent(score.precision, 2),
            basis=tongue.n_("of %(n)s pair of identifiers", "of %(n)s pairs of identifiers", score.n_said),
            why=tongue._("Precision: of the pairs of identifiers said to be one person's, those that are"),
        ),
        Figure(
            key="recall",
            label=tongue._("Found of what could be"),
            value=tongue.percent(score.recall, 2),
            basis=tongue.n_("of %(n)s pair of identifiers", "of %(n)s pairs of identifiers", score.n_true),
            why=tongue._("Recall: of the pairs the events tie to one person, those put together"),
        ),
        Figure(
            key="frictions",
            label=tongue._("Frictions found"),
            value=f"{tongue.number(found)} / {tongue.number(len(matches))}",
            basis=tongue._("dates within %(days)s days", days=tongue.number(TOLERANCE_DAYS)),
        ),
        Figure(key="people", label=tongue._("Persons in the town"), value=tongue.number(n_persons)),
    ]


def _frictions(desk: Desk, asked: Asked, folder: Path) -> tuple[list[Match], list[findings.Card]]:
    tongue = desk.tongue(asked.lang)
    cards = findings.cards(desk, asked)
    explained: set[str] = set()
    matches = []
    for planted in scoring.truth(folder, "frictions"):
        alike = [card for card in cards if _alike(card, planted)]
        dated = [card for card in alike if _dated(card, planted)]
        explained |= {card.anchor for card in alike}
        best = next(iter(dated or alike), None)
        verdict = "good" if dated else "near" if alike else "bad"
        said = {"good": tongue._("found"), "near": tongue._("found, dates off"), "bad": tongue._("not found")}[verdict]
        slice_ = findings.slice_name(tongue, {planted["slice_property"]: planted["slice_value"]})
        matches.append(
            Match(
                what=planted[f"description_{asked.lang}"],
                where=f"{_step(desk, asked, planted['step'])} · {slice_}",
                planted=_dates(desk, asked, planted["began_on"], planted["ended_on"]),
                found=_dates(desk, asked, best.began_on, best.ended_on) if best else "–",
                verdict=verdict,
                said=said,
                href=best.href if best else "",
            )
        )
    return matches, [card for card in cards if card.anchor not in explained]


def _alike(card: findings.Card, planted: dict[str, Any]) -> bool:
    """The same detector, a step in common, and the same slice where both name one."""
    steps = {planted["step"], planted["to_step"] or planted["step"]}
    if card.detector != planted["detector"] or not steps & {card.step, card.to_step}:
        return False
    return not card.slice_value or card.slice_value == planted["slice_value"]


def _dated(card: findings.Card, planted: dict[str, Any]) -> bool:
    ends = ((card.began_on, planted["began_on"]), (card.ended_on, planted["ended_on"]))
    return all(abs((found - true).days) <= TOLERANCE_DAYS for found, true in ends)


def _dates(desk: Desk, asked: Asked, began: date, ended: date) -> str:
    return desk.tongue(asked.lang).span(findings.micros(began), findings.micros(ended) + 1)


def _step(desk: Desk, asked: Asked, key: str) -> str:
    journey = reading.journey_of(desk)
    known = {step.key: step for step in journey.steps}
    return known[key].label(asked.lang) if key in known else names.plain(key)


def _delights(desk: Desk, asked: Asked, folder: Path, steps: dict[str, StepView]) -> list[Compared]:
    tongue = desk.tongue(asked.lang)
    rows = []
    for planted in scoring.truth(folder, "delights"):
        step = steps.get(planted["step"])
        rows.append(
            Compared(
                _step(desk, asked, planted["step"]),
                findings.slice_name(tongue, {planted["slice_property"]: planted["slice_value"]}),
                tongue.signed(planted["size"]),
                _emotion(desk, asked, step),
                "good" if step and "delight" in step.marks else "",
                tongue._("marked on the map")
                if step and "delight" in step.marks
                else tongue._("the step as a whole, all slices"),
            )
        )
    return rows


def _emotion(desk: Desk, asked: Asked, step: StepView | None) -> str:
    tongue = desk.tongue(asked.lang)
    if step is None or step.emotion.value is None:
        return "–"
    bounds = tongue.interval(step.emotion, "signed", 1)
    return f"{tongue.signed(step.emotion.value)} ({bounds})" if bounds else tongue.signed(step.emotion.value)


def _moments(desk: Desk, asked: Asked, folder: Path, steps: dict[str, StepView]) -> list[Compared]:
    tongue = desk.tongue(asked.lang)
    rows = []
    for planted in sorted(scoring.truth(folder, "moments"), key=lambda row: row["rank"]):
        step = steps.get(planted["step"])
        importance = step.importance if step else None
        found, marked = "–", bool(step and "moment" in step.marks)
        if importance is not None and importance.value is not None:
            bounds = tongue.interval(importance, "number", 2)
            found = f"{tongue.number(importance.value, 2)} ({bounds}), n {tongue.number(importance.n)}"
        said = tongue._("marked on the map") if marked else tongue._("not told from chance")
        rows.append(
            Compared(
                _step(desk, asked, planted["step"]),
                "",
                tongue.percent(planted["weight"]),
                found,
                "good" if marked else "",
                said,
            )
        )
    return rows


def _effects(desk: Desk, asked: Asked, folder: Path) -> list[Effect]:
    tongue = desk.tongue(asked.lang)
    ranked = sorted(scoring.truth(folder, "channel_effects"), key=lambda row: -row["effect"])
    most = max((row["effect"] for row in ranked), default=1.0) or 1.0
    return [
        Effect(
            row["channel"],
            names.channel(tongue, row["channel"]),
            max(0.0, row["effect"] / most),
            tongue.signed(row["effect"] * 100),
        )
        for row in ranked
    ]


def download(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    asked = _whole(asking.read(request, desk.settings.language))
    context = _screen(desk, asked)
    rows = [("friction", match.what, match.where, match.planted, match.found, match.said) for match in context.matches]
    for kind, compared in (("delight", context.delights), ("moment", context.moments)):
        rows += [(kind, one.name, one.detail, one.planted, one.found, one.said) for one in compared]
    rows += [("identity", one.name, one.key, one.recall, one.precision, one.n) for one in context.channels]
    rows += [("channel", one.name, one.key, one.planted, "", "") for one in context.effects]
    return sheets.sheet("found-vs-planted", ("kind", "what", "where", "planted", "found", "verdict"), rows)
