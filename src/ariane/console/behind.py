"""Behind a number: the persons it counts, what they said, and what the number rests on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from ariane import journeys
from ariane.console import findings, masking, measuring, names, reading, sheets
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.errors import InputError, NotFound
from ariane.journeys.measured import StepView
from ariane.model import SECOND, Interval
from ariane.result import Result

SHOWN = 50
MOST_ROWS = 50_000


class Fact(msgspec.Struct, frozen=True):
    label: str
    value: str
    small: str = ""


class Person(msgspec.Struct, frozen=True):
    id: str
    href: str
    small: str
    emotion: str
    tone: str
    events: str
    last: str


class Said(msgspec.Struct, frozen=True):
    text: str
    day: str
    emotion: str


class Behind(msgspec.Struct, frozen=True, kw_only=True):
    """The drawer's content."""

    headline: str
    about: str
    facts: tuple[Fact, ...]
    verbatims: tuple[Said, ...]
    persons: tuple[Person, ...]
    absent: str
    held: str
    csv: str


class Meant(msgspec.Struct, frozen=True):
    """What `open` in the URL names."""

    where: Any
    step: str
    row: str | None
    headline: str
    finding: findings.Card | None = None


def behind(desk: Desk, asked: Asked, what: str) -> Behind:
    """The persons behind `step:KEY`, `cell:KEY:ROW`, `left:KEY` or `finding:ANCHOR`.

    Fewer persons than the least a screen may tell apart are a count, never a list.
    """
    tongue = desk.tongue(asked.lang)
    meant = _meant(desk, asked, what)
    measured = measuring.measure(desk, asked)
    minimum = measured.map.minimum
    shown = _persons_behind(desk, asked, what, meant.where, SHOWN)
    total = int(shown.value or 0)
    facts = (
        _facts(desk, asked, measured.map.steps, meant)
        if meant.finding is None
        else findings.facts(desk, asked, meant.finding)
    )
    persons = shown.to_dicts() if total >= minimum else []
    listed = (
        tongue.n_("%(n)s person", "%(n)s persons", total)
        if total >= minimum or total == 0
        else tongue._("fewer than %(n)s persons", n=tongue.number(minimum))
    )
    if total > len(persons) > 0:
        listed += " · " + tongue._("the last %(n)s are listed", n=tongue.number(len(persons)))
    return Behind(
        headline=meant.headline,
        about=f"{listed} · {measuring.subtitle(desk, asked)}",
        facts=tuple(Fact(label, value, small) for label, value, small in facts),
        verbatims=tuple(_verbatims(desk, asked, measured.map.steps, meant)),
        persons=tuple(_person(desk, asked, row) for row in persons),
        absent=tongue._("Nobody.") if total == 0 else tongue._("Too few to list: so few could be recognised."),
        held=measuring.held(desk, asked, measured.map),
        csv=asked.link("/journeys/behind.csv", open=what) if persons else "",
    )


def _meant(desk: Desk, asked: Asked, what: str) -> Meant:
    kind, _, rest = what.partition(":")
    journey = reading.journey_of(desk)
    tongue = desk.tongue(asked.lang)
    if kind == "step":
        return Meant({"step": rest}, rest, None, names.short(journey.step(rest).label(asked.lang)))
    if kind == "left":
        window_s = measuring.measure(desk, asked).map.window_s
        said = names.short(journey.step(rest).label(asked.lang)) + " · " + tongue._("Go no further")
        return Meant({"step": rest, "left": True, "window_s": window_s}, rest, None, said)
    if kind == "cell":
        step, _, row = rest.partition(":")
        said = (
            (names.value(tongue, journey.rows, row) if row else tongue._("Not said"))
            + " · "
            + names.short(journey.step(step).label(asked.lang))
        )
        return Meant({"step": step, "row": row}, step, row, said)
    if kind == "finding":
        card = next((card for card in findings.cards(desk, asked) if card.anchor == rest), None)
        if card is None:
            raise NotFound(tongue._("This finding is not there in this period and segment."))
        return Meant(findings.of(desk, asked, rest), card.step, None, card.headline, card)
    raise InputError(
        f"'{what[:80]}' opens nothing.", where="open", allowed="step:KEY, cell:KEY:ROW, left:KEY, finding:NAME"
    )


def _persons_behind(desk: Desk, asked: Asked, what: str, where: Any, limit: int) -> Result:
    period = reading.period_of(desk, asked)

    def compute() -> Result:
        return journeys.persons_behind(
            reading.population_of(desk, asked, period), reading.journey_of(desk), where, limit=limit
        )

    return desk.answer(("behind", what, period, asked.segment, limit), compute)


def _facts(desk: Desk, asked: Asked, steps: tuple[StepView, ...], meant: Meant) -> list[tuple[str, str, str]]:
    tongue = desk.tongue(asked.lang)
    step = next(step for step in steps if step.key == meant.step)
    emotion, reach = step.emotion, step.reach
    cell = next((cell for cell in step.cells if cell.row == meant.row), None)
    if cell is not None:
        emotion, reach = cell.emotion, cell.reach
    said = tongue.signed(emotion.value) if emotion.value is not None else tongue._("too few") if emotion.n else "–"
    found = [
        (tongue._("Emotion"), said, _rests(desk, asked, emotion, "signed", 1)),
        (
            tongue._("Reach") if cell is None else tongue._("Of the step's persons"),
            tongue.percent(reach.value),
            _rests(desk, asked, reach, "percent", 0),
        ),
    ]
    if cell is None and step.drop_off.n:
        found.append(
            (
                tongue._("Go no further"),
                tongue.percent(step.drop_off.value),
                _rests(desk, asked, step.drop_off, "percent", 0),
            )
        )
    if cell is None and step.median_wait_s is not None:
        found.append((tongue._("Median time"), tongue.duration(step.median_wait_s * SECOND), ""))
    if cell is None and step.desired is not None and step.desired.emotion is not None:
        found.append((tongue._("Emotion desired"), tongue.signed(step.desired.emotion), ""))
    return found


def _rests(desk: Desk, asked: Asked, interval: Interval, how: str, digits: int) -> str:
    tongue = desk.tongue(asked.lang)
    bounds = tongue.interval(interval, how, digits)
    return (f"{bounds} · " if bounds else "") + f"n {tongue.number(interval.n)}"


def _verbatims(desk: Desk, asked: Asked, steps: tuple[StepView, ...], meant: Meant) -> list[Said]:
    tongue = desk.tongue(asked.lang)
    step = next((step for step in steps if step.key == meant.step), None)
    if step is None or meant.row is not None or meant.finding is not None:
        return []
    return [
        Said(
            masking.comment(said.comment, 240),
            tongue.day(said.occurred_us),
            tongue.signed(said.emotion) if said.emotion is not None else "",
        )
        for said in step.verbatims
    ]


def _person(desk: Desk, asked: Asked, row: Mapping[str, Any]) -> Person:
    tongue = desk.tongue(asked.lang)
    emotion = row["emotion"]
    return Person(
        row["person_id"],
        asked.link(f"/people/{row['person_id']}"),
        "",
        tongue.signed(emotion) if emotion is not None else "–",
        "" if emotion is None or emotion == 0 else "good" if emotion > 0 else "bad",
        tongue.number(row["n_events"]),
        tongue.day(row["last_us"]),
    )


def download(desk: Desk, asked: Asked) -> Response:
    """The persons behind a number, as many as there are."""
    what = asked.get("open")
    found = _persons_behind(desk, asked, what, _meant(desk, asked, what).where, MOST_ROWS)
    rows = found.to_dicts() if int(found.value or 0) >= desk.settings.minimum_cell else []
    return sheets.sheet(
        "persons",
        ("person_id", "n_events", "last_at", "emotion"),
        ((row["person_id"], row["n_events"], sheets.instant(row["last_us"]), row["emotion"]) for row in rows),
    )
