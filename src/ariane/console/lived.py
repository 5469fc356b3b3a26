"""What a person lived, in short: when each machine is used, how far they are on the journey, what they said."""

from __future__ import annotations

from typing import Any

import msgspec

from ariane import consent, journeys, voice
from ariane.consent import Population
from ariane.console import faces, happening, masking, names, reading
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.identity.threads import Thread
from ariane.journeys import Journey
from ariane.model import Purpose

MOST_MACHINES, MOST_EVENTS, MOST_ANSWERS = 12, 20_000, 8
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


def population_of(desk: Desk, asked: Asked, person_id: str) -> Population:
    """One person's events, for the purpose of the page."""
    permit = faces.permit_of(desk, asked)
    purpose: Purpose = "service" if permit.purpose == "service" else "measurement"
    return consent.population(
        desk.engine, purpose, basis=permit.basis, segment=lambda events: events.filter(events.person_id == person_id)
    )


def lived(desk: Desk, asked: Asked, thread: Thread) -> Lived:
    """The three cards for this person."""
    permit = faces.permit_of(desk, asked)

    def compute() -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
        about = population_of(desk, asked, thread.person_id)
        run = desk.engine.run
        when = about.events.select("occurred_us", "anonymous_id", "context").limit(MOST_EVENTS)
        journey = reading.journey_of(desk)
        last, count = [], []
        if journey.steps:
            touches = journeys.touchpoints(about, journey)
            newest = touches.order_by([touches.occurred_us.desc(), touches.step_index.desc(), touches.event_id])
            last = run(newest.select("step", "channel", "occurred_us").limit(1)).to_pylist()
            count = run(touches.group_by("step").aggregate(n=touches.count())).to_pylist()
        said = voice.answers(about)
        answered = run(said.order_by([said.answered_us.desc(), said.answer_id])).to_pylist()
        return run(when).to_pylist(), last, count, answered

    used, last, count, answered = desk.answer(("lived", thread.person_id, permit.purpose), compute)
    clear = permit.purpose == "service"
    machines, n_more = _machines(desk, asked, thread, used, clear)
    tongue = desk.tongue(asked.lang)
    return Lived(
        machines=machines,
        n_more_machines=n_more,
        zone=tongue.zone,
        position=_position(desk, asked, reading.journey_of(desk), last, count),
        answers=tuple(_answer(desk, asked, row) for row in answered[:MOST_ANSWERS]),
        n_answers=tongue.n_("%(n)s answer", "%(n)s answers", len(answered)),
    )


def _machines(
    desk: Desk, asked: Asked, thread: Thread, used: list[dict[str, Any]], clear: bool
) -> tuple[tuple[Machine, ...], int]:
    """Each device, or the cookie where no device was named, by the hour of the day; the busiest first."""
    tongue = desk.tongue(asked.lang)
    held = {(one.kind, one.value) for one in thread.identifiers}
    hours: dict[tuple[str, str], list[int]] = {}
    for row in used:
        machine = ("device", _device(row["context"]))
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


class _Machine(msgspec.Struct):
    id: str | int | None = None


class _Context(msgspec.Struct):
    device: _Machine | None = None


_context = msgspec.json.Decoder(_Context).decode


def _device(context: str | None) -> str:
    """The device an event's context names."""
    try:
        device = _context(context or "{}").device
    except msgspec.MsgspecError:
        return ""
    return str(device.id) if device is not None and device.id is not None else ""


def _position(
    desk: Desk, asked: Asked, journey: Journey, last: list[dict[str, Any]], count: list[dict[str, Any]]
) -> Position | None:
    if not last:
        return None
    tongue = desk.tongue(asked.lang)
    reached = {row["step"] for row in count}
    here = journey.step(last[0]["step"])
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
        names.channel(tongue, last[0]["channel"] or ""),
        tongue.moment(last[0]["occurred_us"]),
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
