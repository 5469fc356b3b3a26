"""Reads who refuses a purpose from the receipts that are kept, and from those that a batch brings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec
import sqlalchemy as sa

from ariane.consent.noting import Answers, riding_in
from ariane.consent.purposes import PURPOSE_BASES
from ariane.consent.receipts import ANY_CHANNEL, SPOKEN, receipts_of
from ariane.consent.stored import receipts, stated
from ariane.model import Event
from ariane.store import State

PURPOSES = tuple(PURPOSE_BASES)
SERVICE = "service"
"""What nobody can refuse: it is needed to serve them."""

Refused = dict[int, frozenset[str]]
"""The purposes that identifiers refuse, by key; who refuses none is not there."""
Said = dict[int, dict[str, list[int]]]
"""When identifiers last said no, and yes, to each purpose."""

_r, _s = receipts.c, stated.c
_SAID = sa.select(_r.subject_key, _r.purpose, _r.granted, _r.at_us).where(_r.channel == ANY_CHANNEL)
_RODE = sa.select(_s.subject_key, _s.answers, _s.at_us)
_answers = msgspec.json.Decoder(tuple[tuple[str, bool], ...]).decode
_NEVER = -(1 << 63)


def refused(conn: sa.Connection, purposes: Collection[str]) -> Refused:
    """Everybody who refuses any of these purposes."""
    if not purposes:
        return {}
    no = sa.select(_r.subject_key).where(_r.purpose.in_(purposes) & (_r.channel == ANY_CHANNEL) & ~_r.granted)
    spoke = set(conn.execute(no.distinct()).scalars())
    texts = conn.execute(sa.select(_s.answers).distinct()).scalars().all()
    told = [text for text in texts if any(purpose in purposes and not yes for purpose, yes in _answers(text))]
    spoke |= {row[0] for row in State.select_in(conn, sa.select(_s.subject_key), _s.answers, told)}
    return refused_by(conn, purposes, spoke)


def refused_by(conn: sa.Connection, purposes: Collection[str], keys: Collection[int]) -> Refused:
    """What these identifiers refuse of these purposes."""
    said = _kept(conn, purposes, keys) if purposes and keys else {}
    return {key: refuses for key in said if (refuses := _refuses(said[key]))}


def refused_in(
    conn: sa.Connection,
    events: Sequence[Event],
    subjects: Sequence[tuple[int, bool] | None],
    purposes: Collection[str],
    before: Callable[[int], Collection[str]],
    categories: Mapping[str, str] | None = None,
) -> Refused:
    """What identifiers refuse of these purposes from now on, none or several: of those whom these events make answer
    otherwise than `before` says they do, by key. The events' own receipts may be kept already, or not yet.

    Costs a look at each event, and reads of those alone who may have changed their mind.
    """
    given = _given(events, subjects, purposes, categories) if purposes else {}
    turned = {
        key
        for key, said in given.items()
        if any((last[1] if purpose in before(key) else last[0]) > _NEVER for purpose, last in said.items())
    }
    if not turned:
        return {}
    kept = _kept(conn, purposes, turned)
    for key in turned:
        for purpose, last in given[key].items():
            _say(kept, key, purpose, last[0], yes=False)
            _say(kept, key, purpose, last[1], yes=True)
    return {key: _refuses(kept[key]) for key in turned}


def _given(
    events: Sequence[Event],
    subjects: Sequence[tuple[int, bool] | None],
    purposes: Collection[str],
    categories: Mapping[str, str] | None,
) -> Said:
    """What these events answer about these purposes. Events that were opened together share their contexts."""
    names = tuple(sorted(categories.items())) if categories else ()
    contexts = {id(event.context): event.context for event in events}
    told: dict[int, Answers] = {}
    for at, context in contexts.items():
        if answers := riding_in(context, names):
            told[at] = tuple([one for one in answers if one[0] in purposes])
    said: Said = {}
    for event, subject in zip(events, subjects, strict=True):
        if subject is None:
            continue
        if event.name in SPOKEN:
            for receipt in receipts_of(event, *subject, categories):
                if receipt.purpose in purposes and receipt.channel == ANY_CHANNEL:
                    _say(said, subject[0], receipt.purpose, receipt.at_us, yes=receipt.granted)
        elif told and (answers := told.get(id(event.context), ())):
            for purpose, yes in answers:
                _say(said, subject[0], purpose, event.occurred_us, yes=yes)
    return said


def _kept(conn: sa.Connection, purposes: Collection[str], keys: Collection[int]) -> Said:
    """What the receipts that are kept say of these purposes."""
    said: Said = {}
    for key, purpose, yes, at_us in State.select_in(conn, _SAID, _r.subject_key, keys):
        if purpose in purposes:
            _say(said, key, purpose, at_us, yes=bool(yes))
    for key, text, at_us in State.select_in(conn, _RODE, _s.subject_key, keys):
        for purpose, yes in _answers(text):
            if purpose in purposes:
                _say(said, key, purpose, at_us, yes=yes)
    return said


def _say(said: Said, key: int, purpose: str, at_us: int, *, yes: bool) -> None:
    last = said.setdefault(key, {}).setdefault(purpose, [_NEVER, _NEVER])
    if at_us > last[yes]:
        last[yes] = at_us


def _refuses(said: Mapping[str, Sequence[int]]) -> frozenset[str]:
    return frozenset([purpose for purpose, (no, yes) in said.items() if no > _NEVER and no >= yes])
