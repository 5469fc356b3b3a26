"""What the tracking plan says of a batch: events that break it are held apart, or kept with a warning.

The verdict is a function of the record and of the plan's history (an event is judged by the version that held when it
was received), so any batch, any order and a rebuild give the same. It is given before repeats are looked for: a copy
that breaks the plan never stands in the way of one that keeps to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec
import sqlalchemy as sa

from ariane.identity import Rules, identify
from ariane.ingest.plan import Plan
from ariane.model import Event
from ariane.store import State, Stores, metadata

QUARANTINE = "quarantine"
"""The table of the lake that keeps what was held apart."""

REPLAY = "replay"
"""The partition of what was let out of quarantine: it was judged when it was put there, and is not judged again."""

quarantined = sa.Table(
    "quarantined",
    metadata,
    sa.Column("partition", sa.String, primary_key=True),
    sa.Column("offset", sa.BigInteger, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("reasons", sa.Text, nullable=False),
)
"""Places in the log that the lake's writer sets apart. Rows it has passed are dropped."""

plan_warnings = sa.Table(
    "plan_warnings",
    metadata,
    sa.Column("source", sa.String, primary_key=True),
    sa.Column("type", sa.String, primary_key=True),
    sa.Column("event", sa.String, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("reason", sa.String, primary_key=True),
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.Column("first_us", sa.BigInteger, nullable=False),
    sa.Column("last_us", sa.BigInteger, nullable=False),
)
"""How often each part of the plan was broken by events that were kept. A reason holds nothing of their values."""

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
        passed = stores.lake.progress("events", partition)
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


class Changes(Protocol):
    """What identity says of a batch, as far as consent asks."""

    @property
    def version(self) -> int: ...
    @property
    def subjects(self) -> Sequence[tuple[int, bool] | None]: ...
    @property
    def changed(self) -> Mapping[str, tuple[int, ...]]: ...
    @property
    def gone(self) -> frozenset[str]: ...
    def members(self, conn: sa.Connection, keys: Iterable[int]) -> dict[str, tuple[int, ...]]: ...


class Heard(msgspec.Struct, frozen=True):
    """What identity said of a batch, with the subjects of the events held apart after those of the others: what they
    say about consent is heard all the same. A plan never delays a refusal."""

    version: int
    subjects: Sequence[tuple[int, bool] | None]
    changed: Mapping[str, tuple[int, ...]]
    gone: frozenset[str]
    others: Changes

    def members(self, conn: sa.Connection, keys: Iterable[int]) -> dict[str, tuple[int, ...]]:
        return self.others.members(conn, keys)


def heard(changes: Changes, held: Sequence[Event], rules: Rules) -> Heard:
    """See `Heard`."""
    subjects = [*changes.subjects, *(_subject(event, rules) for event in held)]
    return Heard(changes.version, subjects, changes.changed, changes.gone, changes)


def _subject(event: Event, rules: Rules) -> tuple[int, bool] | None:
    named = () if event.is_bot else identify(event, rules)
    return (named[0].key, rules.is_strong(named[0].kind)) if named else None
