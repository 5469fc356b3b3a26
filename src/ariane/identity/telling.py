"""Tells those who follow persons what became of them: each change once, in order, with what caused it, and where every
former id leads.

What was told is never rewritten: where the state is made again, `retell` adds what is not as it was told. Persons stay
a function of the evidence alone; this is the record of what was said of them, and when.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec
import sqlalchemy as sa

from ariane.identity.bulk import upsert
from ariane.identity.commands import MANUAL, SEPARATION
from ariane.identity.leading import lead
from ariane.identity.rows import Row
from ariane.identity.stored import told_changes, told_moves, told_until

ERASED = "erased"
_COLUMNS = ("n", "version", "old_person_id", "new_person_id", "cause", "at_us", "a_key", "b_key", "rule", "event_id")
_LAST = sa.select(sa.func.max(told_changes.c.n), sa.func.max(told_changes.c.at_us))
_MENDING = sa.select(told_until.c.partition).limit(1)

Moved = tuple[str, str, str]
"""The id a person had, the one its identifiers have now, and what that is: merged, moved, split or erased."""


class Cause(msgspec.Struct, frozen=True):
    """Evidence between two identifiers' keys, or a decision about them, and whether it ties them now."""

    a: int
    b: int
    rule: str
    ties: bool
    at_us: int = 0
    event_id: str = ""
    decided: bool = False


def tell(
    conn: sa.Connection,
    changes: Sequence[Moved],
    rows: Mapping[int, Row],
    before: Mapping[int, str],
    causes: Iterable[Cause],
    version: int,
    at_us: int,
) -> None:
    """Append these changes of persons, with the identifiers that each moved, and let former ids lead on. `rows` are
    the identifiers as they are, `before` whose they were. Nothing is told while the state is being made again."""
    if not changes or is_mending(conn):
        return
    went: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for key, old in before.items():
        went[old, rows[key].person_id].append(key)
    ends = {key for old, new, _ in changes for key in went[old, new]}
    near = [one for one in causes if one.a in rows and one.b in rows and (one.a in ends or one.b in ends)]
    told = [(*change, _cause(change, near, rows, before)) for change in changes]
    append(conn, told, [went[old, new] for old, new, _ in changes], version, at_us)


def append(
    conn: sa.Connection,
    told: Sequence[tuple[str, str, str, Cause | None]],
    moved: Sequence[Collection[int]],
    version: int,
    at_us: int,
    above: int = 0,
) -> None:
    """Number these changes on from the last one, and from `above`: a number is never given again. None is told as
    earlier than one before it."""
    last, last_us = conn.execute(_LAST).one()
    first, at_us = max(last or 0, above) + 1, max(at_us, last_us or 0)
    listed = []
    for n, (old, new, what, why) in enumerate(told, first):
        shown = (why.a, why.b, why.rule, why.event_id) if why is not None else (None, None, "", "")
        listed.append((n, version, old, new, what, at_us, *shown))
    upsert(conn, told_changes, _COLUMNS, listed)
    rows = [(n, key) for n, keys in enumerate(moved, first) for key in keys]
    upsert(conn, told_moves, ("n", "key"), rows)
    lead(conn, {person for one in told for person in one[:2] if person}, version)


def is_mending(conn: sa.Connection) -> bool:
    """Whether the state is being made again, from the events: what comes by was told before."""
    return conn.execute(_MENDING).first() is not None


def _cause(change: Moved, causes: Sequence[Cause], rows: Mapping[int, Row], before: Mapping[int, str]) -> Cause | None:
    """What did it: for a merge evidence that ties the two now, else evidence that ties them no more; and the decision
    that made it so, or the event that brought it."""
    fitting = [one for one in causes if _fits(one, change, rows, before)]
    evidence = [one for one in fitting if not one.decided]
    decision = max((one for one in fitting if one.decided), key=lambda one: (one.at_us, one.event_id), default=None)
    shown = max(evidence, key=lambda one: (one.rule == MANUAL, one.at_us, one.event_id), default=decision)
    if shown is None or decision is None:
        return shown
    return msgspec.structs.replace(shown, event_id=decision.event_id)


def _fits(one: Cause, change: Moved, rows: Mapping[int, Row], before: Mapping[int, str]) -> bool:
    old, new, what = change
    now, was = {rows[one.a].person_id, rows[one.b].person_id}, (before.get(one.a), before.get(one.b))
    if what == "split":
        parts = one.ties == (one.decided and one.rule == SEPARATION)  # a split by hand holds, and so ties nobody
        return parts and new in now and len(now) > 1 and old in was
    return one.ties and one.rule != SEPARATION and now == {new} and (was[0] == old) != (was[1] == old)
