"""What a person lived, in short: when each machine is used, how far they are on the journey, what they said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ariane.console import faces, happening, masking, names, reading
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.console.past import past
from ariane.identity.threads import Thread
from ariane.journeys import Journey

MOST_MACHINES, MOST_ANSWERS = 12, 8
STAGES = ("before", "consideration", "conversion", "evaluation", "loyalty")


class Machine(msgspec.Struct, frozen=True):
    """A machine by the hour: `cells` are 24 of (events, share of the busiest hour of all)."""

    kind: str
    label: str
    cells: tuple[tuple[str, float], ...]
    n: str
    busiest: str


class Stage(msgspec.Struct, frozen=True):
    """A stage of the journey: which of its steps the person reached."""

    key: int
    label: str
    reached: bool
    here: bool
    n: str


class Position(msgspec.Struct, frozen=True):
    """How far a person is. Without a step nothing they did is one."""

    stages: tuple[Stage, ...]
    step: str
    channel: str
    when: str
    said: str


class Answer(msgspec.Struct, frozen=True):
    """What the person answered, newest first."""

    question: str
    value: str
    about: str
    comment: str
    when: str
    tone: str


class Lived(msgspec.Struct, frozen=True):
    machines: tuple[Machine, ...]
    n_more_machines: int
    zone: str
    position: Position | None
    answers: tuple[Answer, ...]
    n_answers: str


def lived(desk: Desk, asked: Asked, thread: Thread) -> Lived:
    """The three cards for this person."""
    tongue, known = desk.tongue(asked.lang), past(desk, asked, thread.person_id)
    clear = faces.permit_of(desk, asked).purpose == "service"
    machines, n_more = _machines(desk, asked, thread, known.events, clear)
    return Lived(
        machines=machines,
        n_more_machines=n_more,
        zone=tongue.zone,
        position=_position(desk, asked, reading.journey_of(desk), known.events),
        answers=tuple(_answer(desk, asked, row) for row in known.answers[:MOST_ANSWERS]),
        n_answers=tongue.n_("%(n)s answer", "%(n)s answers", len(known.answers)),
    )


def _machines(
    desk: Desk, asked: Asked, thread: Thread, used: Sequence[dict[str, Any]], clear: bool
) -> tuple[tuple[Machine, ...], int]:
    """Each device, or the cookie where no device was named, by the hour of the day; the busiest first."""
    tongue = desk.tongue(asked.lang)
    held = {(one.kind, one.value) for one in thread.identifiers}
    hours: dict[tuple[str, str], list[int]] = {}
    for row in used:
        machine = ("device", row["device"])
        if machine not in held:
            machine = ("cookie", row["anonymous_id"] or "")
        if machine in held:
            hours.setdefault(machine, [0] * 24)[tongue.at(row["occurred_us"]).hour] += 1
    ranked = sorted(hours.items(), key=lambda pair: (-sum(pair[1]), pair[0]))
    most = max((max(counts) for counts in hours.values()), default=1)
    found = tuple(
        Machine(
            kind,
            f"{names.kind(tongue, kind)} {value if clear else masking.identifier(kind, value)}",
            tuple((tongue.number(n), n / most) for n in counts),
            tongue.number(sum(counts)),
            f"{counts.index(max(counts)):02d}–{counts.index(max(counts)) + 1:02d}",
        )
        for (kind, value), counts in ranked[:MOST_MACHINES]
    )
    return found, max(0, len(ranked) - MOST_MACHINES)


def _position(desk: Desk, asked: Asked, journey: Journey, events: Sequence[dict[str, Any]]) -> Position | None:
    last = next((row for row in events if row["step"]), None)
    if last is None:
        return None
    tongue = desk.tongue(asked.lang)
    reached = {row["step"] for row in events if row["step"]}
    here = journey.step(last["step"])
    stages = []
    for number, key in enumerate(STAGES, 1):
        steps = [step.key for step in journey.steps if step.stage == key]
        if steps:
            n = sum(step in reached for step in steps)
            said = f"{tongue.number(n)} / {tongue.number(len(steps))}"
            stages.append(Stage(number, names.stage(tongue, key), n > 0, key == here.stage, said))
    return Position(
        tuple(stages),
        names.short(here.label(asked.lang)),
        names.channel(tongue, last["channel"] or ""),
        tongue.moment(last["occurred_us"]),
        tongue._(
            "%(reached)s of %(steps)s steps reached",
            reached=tongue.number(len(reached)),
            steps=tongue.number(len(journey.steps)),
        ),
    )


def _answer(desk: Desk, asked: Asked, row: dict[str, Any]) -> Answer:
    tongue = desk.tongue(asked.lang)
    question, score = row["question"] or "", row["score"]
    steps = {step.key: names.short(step.label(asked.lang)) for step in reading.journey_of(desk).steps}
    scale = happening.SCALES.get(question, "")
    tone = ""
    if score is not None and question in happening.GOOD:
        tone = "pos" if score >= happening.GOOD[question] else "neg" if score <= happening.BAD[question] else ""
    return Answer(
        tongue._(happening.QUESTION_NAMES.get(question, names.plain(question))),
        f"{tongue.plain(score, 1)}{scale}" if score is not None else "",
        steps.get(row["about"] or "", names.plain(row["about"]) if row["about"] else ""),
        masking.comment(row["comment"]) if row["comment"] else "",
        tongue.day(row["answered_us"]),
        tone,
    )
