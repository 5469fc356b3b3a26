"""Keeps the receipts that events carry, and decides anew for the persons they or a batch's merges concern."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

import msgspec
import sqlalchemy as sa

from ariane.consent.deciding import decide_all
from ariane.consent.purposes import PURPOSE_BASES
from ariane.consent.receipts import SPOKEN, Receipt, answers_of, receipts_of, said_in
from ariane.consent.stored import consents, receipts, stated
from ariane.model import Event
from ariane.store import State

_SLOT = ("subject_key", "purpose", "channel", "granted", "slot")
_SAID = ("at_us", "first_us", "event_id", "source", "text_version", "strong")
_RECEIPTS = sa.select(*[receipts.c[name] for name in (*_SLOT, *_SAID)])
_STATED = ("subject_key", "answers")
_RIDES = ("at_us", "first_us", "event_id", "source", "strong")
_ALL_STATED = sa.select(*[stated.c[name] for name in (*_STATED, *_RIDES)])
_STANDING = ("person_id", "purpose", "channel", "granted", "decided_us", "clash")
_CONSENTS = sa.select(*[consents.c[name] for name in _STANDING])
_STALE = sa.delete(consents).where(*[consents.c[name] == sa.bindparam(f"of_{name}") for name in _STANDING[:3]])
_encode = msgspec.json.Encoder().encode
_open = msgspec.json.Decoder(dict[str, Any]).decode
_answers_in = msgspec.json.Decoder(tuple[tuple[str, bool], ...]).decode

Slot = tuple[str, str, bool, str]
"""Which answer of an identifier a receipt is: its purpose, channel, whether granted, and slot."""
Stands = tuple[bool | None, int | None, bool]
Answers = tuple[tuple[str, bool], ...]
"""What an event says of each purpose, in the order of their names."""


class Stated(msgspec.Struct, frozen=True, gc=False):
    """Answers of one identifier that ride along on events, all together: when first, when last, and the last event."""

    subject_key: int
    answers: Answers
    at_us: int
    first_us: int
    event_id: str
    source: str
    strong: bool

    def receipts(self) -> list[Receipt]:
        """One for each purpose."""
        return [
            Receipt(
                subject_key=self.subject_key, purpose=purpose, granted=granted, at_us=self.at_us,
                first_us=self.first_us, event_id=self.event_id, source=self.source, strong=self.strong,
            )
            for purpose, granted in self.answers
        ]  # fmt: skip


class Membership(Protocol):
    """Who holds which identifiers, after a batch: what identity says of it, in plain data."""

    @property
    def version(self) -> int: ...
    @property
    def subjects(self) -> Sequence[tuple[int, bool] | None]: ...
    @property
    def changed(self) -> Mapping[str, Sequence[int]]: ...
    @property
    def gone(self) -> frozenset[str]: ...
    @property
    def fresh(self) -> Collection[int]: ...
    @property
    def marks(self) -> tuple[int, int]: ...
    def members(self, conn: sa.Connection, keys: Iterable[int]) -> Mapping[str, Sequence[int]]: ...


class Recall:
    """Receipts by identifier (those that ride along also as they are kept, together) and standings by person, as they
    are in the state, from batch to batch. They count only while identity's mark is the one they were left with: not
    after a transaction undone, nor after another writer."""

    MOST = 200_000
    """When it holds the receipts of more identifiers, or the standings of more persons, it forgets them all."""

    def __init__(self) -> None:
        self.receipts: dict[int, dict[Slot, Receipt]] = {}
        self.stated: dict[int, dict[Answers, Stated]] = {}
        self.stands: dict[str, dict[tuple[str, str], Stands]] = {}
        self._mark = 0

    def open(self, marks: tuple[int, int]) -> None:
        """Make ready for a batch that found the first mark and left the second."""
        if marks[0] != self._mark or len(self.receipts) > self.MOST or len(self.stands) > self.MOST:
            self.receipts.clear()
            self.stated.clear()
            self.stands.clear()
        self._mark = marks[1]

    def read_receipts(self, conn: sa.Connection, keys: Collection[int], fresh: Collection[int]) -> None:
        """Have the receipts of these identifiers; `fresh` ones have none yet."""
        unread = [key for key in keys if key not in self.receipts]
        self.receipts.update({key: {} for key in unread})
        self.stated.update({key: {} for key in unread})
        known = [key for key in unread if key not in fresh]
        for row in State.select_in(conn, _RECEIPTS, receipts.c.subject_key, known):
            self.hear(Receipt(**dict(zip((*_SLOT, *_SAID), row, strict=True))))
        for key, answers, *rides in State.select_in(conn, _ALL_STATED, stated.c.subject_key, known):
            self.ride(Stated(key, _answers_in(answers), *rides))

    def hear(self, said: Receipt) -> None:
        """Add a receipt to what its identifier said."""
        held, slot = self.receipts[said.subject_key], _slot(said)
        held[slot] = _joined(held[slot], said) if slot in held else said

    def ride(self, said: Stated) -> None:
        """Put answers that ride along in the place of the same ones, and among the receipts."""
        self.stated[said.subject_key][said.answers] = said
        for receipt in said.receipts():
            self.hear(receipt)

    def read_stands(self, conn: sa.Connection, persons: Iterable[str]) -> None:
        """Have the standings of these persons."""
        unread = [person for person in persons if person not in self.stands]
        self.stands.update({person: {} for person in unread})
        for person, purpose, channel, *stands in State.select_in(conn, _CONSENTS, consents.c.person_id, unread):
            self.stands[person][purpose, channel] = (stands[0], stands[1], stands[2])


def absorb(
    conn: sa.Connection,
    events: Sequence[Event],
    changes: Membership,
    categories: Mapping[str, str] | None = None,
    recall: Recall | None = None,
) -> None:
    """Keep the receipts these events carry, and decide anew for the persons they or the batch's merges concern.

    `changes` is what identity said of the same events, in the same transaction. `categories` maps the workspace's own
    category names to purposes. `recall` spares the reads of what the last batches met; it changes no answer.
    """
    recall = recall or Recall()
    recall.open(changes.marks)
    spoken, riding = _given(events, changes.subjects, categories)
    recall.read_receipts(conn, spoken.keys() | riding.keys(), changes.fresh)
    news = _keep(conn, spoken, recall) | _keep_riding(conn, riding, recall)
    _decide(conn, {**changes.members(conn, news), **changes.changed}, changes, recall)


Spoken = dict[int, dict[Slot, Receipt]]
Riding = dict[int, dict[Answers, Stated]]


def _given(
    events: Sequence[Event], subjects: Sequence[tuple[int, bool] | None], categories: Mapping[str, str] | None
) -> tuple[Spoken, Riding]:
    """The receipts of a batch by identifier: those given in so many words, and those that ride along, which are few and
    much repeated."""
    names = tuple(sorted(categories.items())) if categories else ()
    spoken: Spoken = {}
    riding: dict[tuple[tuple[int, bool], Answers], tuple[int, Event]] = {}
    of_contexts: dict[int, Answers] = {}  # events that were opened together share theirs
    for event, subject in zip(events, subjects, strict=True):
        if subject is None:
            continue
        if event.name in SPOKEN:
            for receipt in receipts_of(event, *subject, categories):
                held, slot = spoken.setdefault(receipt.subject_key, {}), _slot(receipt)
                held[slot] = _joined(held[slot], receipt) if slot in held else receipt
            continue
        answers = of_contexts.get(id(event.context))
        if answers is None:
            answers = of_contexts[id(event.context)] = riding_in(event.context, names)
        if not answers:
            continue
        first_us, last = riding.get((subject, answers), (event.occurred_us, event))
        if (event.occurred_us, event.event_id) > (last.occurred_us, last.event_id):
            last = event
        riding[subject, answers] = min(first_us, event.occurred_us), last
    given: Riding = {}
    for ((key, strong), answers), (first_us, last) in riding.items():
        one = Stated(key, answers, last.occurred_us, first_us, last.event_id, last.source, strong)
        given.setdefault(key, {})[answers] = one
    return spoken, given


def riding_in(context: Mapping[str, Any], names: tuple[tuple[str, str], ...]) -> Answers:
    """The answers that a context carries; none where it says nothing."""
    if "consent" not in context and "consentManagement" not in context:
        return ()
    said = said_in(context)
    preferences = said.get("categoryPreferences") if type(said) is dict else None
    if type(said) is not dict or type(preferences) is not dict:
        return ()
    return _answers(_encode(preferences), said.get("resolutionStrategy") == "or", names)


@lru_cache(maxsize=4096)
def _answers(preferences: bytes, any_of: bool, categories: tuple[tuple[str, str], ...]) -> Answers:
    return tuple(sorted(answers_of(_open(preferences), any_of, dict(categories)).items()))


def _slot(receipt: Receipt) -> Slot:
    return receipt.purpose, receipt.channel, receipt.granted, receipt.slot


def _joined(one: Receipt, other: Receipt) -> Receipt:
    """The same answer stated twice: when first, when last, and the last one's event."""
    last = one if (one.at_us, one.event_id) >= (other.at_us, other.event_id) else other
    first_us = min(one.first_us, other.first_us)
    return last if last.first_us == first_us else msgspec.structs.replace(last, first_us=first_us)


def _keep(conn: sa.Connection, given: Spoken, recall: Recall) -> set[int]:
    """Store what was said in so many words; the identifiers of which it is news."""
    news: set[int] = set()
    rows: list[tuple[Any, ...]] = []
    for key, said in given.items():
        held = recall.receipts[key]
        for slot, receipt in said.items():
            old = held.get(slot)
            recall.hear(receipt)
            if (new := held[slot]) != old:
                news.add(key)
                rows.append(
                    (key, *slot, new.at_us, new.first_us, new.event_id, new.source, new.text_version, new.strong)
                )
    State.put(conn, receipts, (*_SLOT, *_SAID), rows, _SAID)
    return news


def _keep_riding(conn: sa.Connection, given: Riding, recall: Recall) -> set[int]:
    """Store what rode along; the identifiers of which it is news."""
    news: set[int] = set()
    rows: list[tuple[Any, ...]] = []
    for key, said in given.items():
        held = recall.stated[key]
        for answers, one in said.items():
            old = held.get(answers)
            new = one if old is None else _last_of(old, one)
            if new != old:
                recall.ride(new)
                news.add(key)
                text = _encode(answers).decode()
                rows.append((key, text, new.at_us, new.first_us, new.event_id, new.source, new.strong))
    State.put(conn, stated, (*_STATED, *_RIDES), rows, _RIDES)
    return news


def _last_of(one: Stated, other: Stated) -> Stated:
    """The same answers twice: when first, when last, and the last one's event."""
    last = one if (one.at_us, one.event_id) >= (other.at_us, other.event_id) else other
    first_us = min(one.first_us, other.first_us)
    return last if last.first_us == first_us else msgspec.structs.replace(last, first_us=first_us)


def _decide(conn: sa.Connection, touched: Mapping[str, Sequence[int]], changes: Membership, recall: Recall) -> None:
    """Where each of these persons stands now; only what differs from before is written."""
    recall.read_receipts(conn, {key for keys in touched.values() for key in keys}, changes.fresh)
    recall.read_stands(conn, touched.keys() | changes.gone)
    stale: list[tuple[str, str, str]] = []
    rows: list[tuple[Any, ...]] = []
    for person, keys in touched.items():
        decided = decide_all([said for key in keys for said in recall.receipts[key].values()], PURPOSE_BASES)
        now: dict[tuple[str, str], Stands] = {
            slot: (consent.said, consent.decided_us, consent.clash) for slot, consent in decided.items()
        }
        before, recall.stands[person] = recall.stands[person], now
        stale += [(person, *slot) for slot in before if slot not in now]
        rows += [(person, *slot, *one, changes.version) for slot, one in now.items() if before.get(slot) != one]
    for person in changes.gone - touched.keys():
        stale += [(person, *slot) for slot in recall.stands.pop(person)]
    State.write(conn, _STALE, ("of_person_id", "of_purpose", "of_channel"), stale)
    State.put(conn, consents, (*_STANDING, "version"), rows, (*_STANDING[3:], "version"))
