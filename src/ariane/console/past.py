"""Everything a person lived, read once for all that their page says of it."""

from __future__ import annotations

from typing import Any

import msgspec

from ariane import consent, journeys, voice
from ariane.console import faces, happening, reading
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.model import Purpose

MOST = 20_000
"""Events of one person that a page reads, the newest."""


class Past(msgspec.Struct, frozen=True):
    """A person's events, newest first, and their answers to surveys. An event says its `step`, the `device` it names,
    and whether it is theirs because they were signed in then on a shared machine (`followed`)."""

    events: tuple[dict[str, Any], ...]
    answers: tuple[dict[str, Any], ...]


def past(desk: Desk, asked: Asked, person_id: str) -> Past:
    """What the purpose of the page may read of this person."""
    permit = faces.permit_of(desk, asked)
    purpose: Purpose = "service" if permit.purpose == "service" else "measurement"

    def compute() -> Past:
        run = desk.engine.run
        about = consent.population(desk.engine, purpose, basis=permit.basis, person_id=person_id)
        newest = about.events.order_by([about.events.occurred_us.desc(), about.events.event_id.desc()]).limit(MOST)
        followed = newest.holder_key != newest.subject_key
        wanted = newest.select(*happening.COLUMNS, "anonymous_id", "properties", "context", followed=followed)
        rows = run(wanted).to_pylist()
        journey = reading.journey_of(desk)
        steps: dict[str, str] = {}
        if journey.steps:
            touches = journeys.touchpoints(about, journey).select("event_id", "step")
            steps = {row["event_id"]: row["step"] for row in run(touches).to_pylist()}
        for row in rows:
            row["step"], row["device"] = steps.get(row["event_id"], ""), _device(row.pop("context"))
        said = voice.answers(about)
        answered = run(said.order_by([said.answered_us.desc(), said.answer_id])).to_pylist()
        return Past(tuple(rows), tuple(answered))

    return desk.answer(("past", person_id, permit.purpose), compute)


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
