"""What the tracking plan says of a batch: events that break it are held apart, or kept with a warning.

The verdict is a function of the record and of the plan's history (an event is judged by the version that held when it
was received), so any batch, any order and a rebuild give the same. It is given before repeats are looked for: a copy
that breaks the plan never stands in the way of one that keeps to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import structs

from ariane.identity import Rules, identify
from ariane.ingest.plan import Plan
from ariane.model import Event
from ariane.processes.stored import plan_warnings, quarantined, spoken
from ariane.store import State, Stores

QUARANTINE = "quarantine"
"""The table of the lake that keeps what was held apart."""

KEPT_BYTES = 16 << 20
"""How much of the log the state goes on saying what was held apart of, once it is in the lake: for the live view."""

REPLAY = "replay"
"""The partition of what was let out of quarantine: it was judged when it was put there, and is not judged again."""

Taken = tuple[int, Event]


def sift(
    conn: sa.Connection, stores: Stores, plan: Plan, partition: str, events: Sequence[Taken]
) -> tuple[Sequence[Taken], list[Event]]:
    """The events that go on, and those held apart, whose places are noted in the same transaction."""
    if not plan or partition == REPLAY:
        return events, []
    held: list[Event] = []
    rows: list[dict[str, object]] = []
    sound: list[Taken] = []
    for taken in events:
        offset, event = taken
        verdict = plan.verdict(event, mode="quarantine")
        if verdict is None:
            sound.append(taken)
            continue
        held.append(event)
        reasons = msgspec.json.encode(verdict.reasons).decode()
        rows.append({"partition": partition, "offset": offset, "version": verdict.version, "reasons": reasons})
    if rows:
        passed = stores.lake.progress("events", partition) - KEPT_BYTES
        q = quarantined.c
        conn.execute(sa.delete(quarantined).where((q.partition == partition) & (q.offset < passed)))
        State.upsert(conn, quarantined, rows)
    return sound, held


def warn(conn: sa.Connection, plan: Plan, events: Iterable[Event]) -> None:
    """Count what these events break of the plan's parts that only warn. Each event must come once."""
    if not plan:
        return
    met: dict[tuple[str, str, str, int, str], list[int]] = {}
    for event in events:
        verdict = plan.verdict(event, mode="warn")
        if verdict is None:
            continue
        name, at = event.name if event.type == "track" else "", event.received_us
        for reason in verdict.reasons:
            one = met.setdefault((event.source, event.type, name, verdict.version, reason), [0, at, at])
            one[:] = one[0] + 1, min(one[1], at), max(one[2], at)
    columns = [column.name for column in plan_warnings.c]
    State.upsert(
        conn,
        plan_warnings,
        [dict(zip(columns, (*key, *counts), strict=True)) for key, counts in met.items()],
        update={
            "n": lambda new: plan_warnings.c.n + new.n,
            "first_us": lambda new: _lesser(plan_warnings.c.first_us, new.first_us, least=True),
            "last_us": lambda new: _lesser(plan_warnings.c.last_us, new.last_us, least=False),
        },
    )


def _lesser(one: sa.ColumnElement[int], other: sa.ColumnElement[int], *, least: bool) -> sa.ColumnElement[int]:
    return sa.case((one < other if least else one > other, one), else_=other)


class Warned(msgspec.Struct, frozen=True):
    """One part of the plan that events broke and were kept: how often, from when to when they were received."""

    name: str
    source: str
    version: int
    reason: str
    n: int
    first_us: int
    last_us: int


def warned(conn: sa.Connection) -> list[Warned]:
    """What events broke that were kept, the most frequent first."""
    rows = conn.execute(sa.select(plan_warnings)).fetchall()
    found = [
        Warned(row.event if row.type == "track" else row.type, row.source, row.version, row.reason, row.n, *row[-2:])
        for row in rows
    ]
    return sorted(found, key=lambda one: (-one.n, one.name, one.reason, one.source))


def heard(conn: sa.Connection, changes: Any, held: Sequence[Event], rules: Rules) -> Any:
    """What identity said of a batch, made to fit what is said from quarantine: the subjects of the events held apart
    after those of the others, and identifiers that spoke from there before anyone knew them.

    So what a held event says about consent is heard all the same: a plan never delays a refusal.
    """
    subjects = [_subject(event, rules) for event in held]
    named = {subject[0] for subject in subjects if subject}
    State.upsert(conn, spoken, [{"subject_key": key} for key in sorted(named)])
    fresh = getattr(changes, "fresh", ())
    before = {row[0] for row in State.select_in(conn, sa.select(spoken.c.subject_key), spoken.c.subject_key, fresh)}
    if before:
        changed = {**changes.members(conn, before), **changes.changed}
        changes = structs.replace(changes, fresh=frozenset(fresh) - before, changed=changed)
    return structs.replace(changes, subjects=(*changes.subjects, *subjects)) if held else changes


def _subject(event: Event, rules: Rules) -> tuple[int, bool] | None:
    named = () if event.is_bot else identify(event, rules)
    return (named[0].key, rules.is_strong(named[0].kind)) if named else None
