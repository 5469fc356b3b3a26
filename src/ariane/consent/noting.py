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
from ariane.consent.stored import consents, receipts
from ariane.model import Event
from ariane.store import State

_SLOT = ("subject_key", "purpose", "channel", "granted", "slot")
_SAID = ("at_us", "first_us", "event_id", "source", "text_version", "strong")
_RECEIPTS = sa.select(*[receipts.c[name] for name in (*_SLOT, *_SAID)])
_STANDING = ("person_id", "purpose", "channel", "granted", "decided_us", "clash")
_CONSENTS = sa.select(*[consents.c[name] for name in _STANDING])
_STALE = sa.delete(consents).where(*[consents.c[name] == sa.bindparam(f"of_{name}") for name in _STANDING[:3]])
_encode = msgspec.json.Encoder().encode
_open = msgspec.json.Decoder(dict[str, Any]).decode

Slot = tuple[str, str, bool, str]
"""Which answer of an identifier a receipt is: its purpose, channel, whether granted, and slot."""
Stands = tuple[bool | None, int | None, bool]
Answers = tuple[tuple[str, bool], ...]


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
    """Receipts by identifier and standings by person, as they are in the state, from batch to batch. They count only
    while identity's mark is the one they were left with: not after a transaction undone, nor after another writer."""

    MOST = 200_000
    """When it holds the receipts of more identifiers, or the standings of more persons, it forgets them all."""

    def __init__(self) -> None:
        self.receipts: dict[int, dict[Slot, Receipt]] = {}
        self.stands: dict[str, dict[tuple[str, str], Stands]] = {}
        self._mark = 0

    def open(self, marks: tuple[int, int]) -> None:
        """Make ready for a batch that found the first mark and left the second."""
        if marks[0] != self._mark or len(self.receipts) > self.MOST or len(self.stands) > self.MOST:
            self.receipts.clear()
            self.stands.clear()
        self._mark = marks[1]

    def read_receipts(self, conn: sa.Connection, keys: Collection[int], fresh: Collection[int]) -> None:
        """Have the receipts of these identifiers; `fresh` ones have none yet."""
        unread = [key for key in keys if key not in self.receipts]
        self.receipts.update({key: {} for key in unread})
        known = [key for key in unread if key not in fresh]
        for row in State.select_in(conn, _RECEIPTS, receipts.c.subject_key, known):
            said = Receipt(**dict(zip((*_SLOT, *_SAID), row, strict=True)))
            self.receipts[said.subject_key][said.purpose, said.channel, said.granted, said.slot] = said

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
    given = _given(events, changes.subjects, categories)
    news = _keep(conn, given, changes.fresh, recall)
    _decide(conn, {**changes.members(conn, news), **changes.changed}, changes, recall)


def _given(
    events: Sequence[Event], subjects: Sequence[tuple[int, bool] | None], categories: Mapping[str, str] | None
) -> dict[tuple[int, Slot], Receipt]:
    """The receipts of a batch, one for each identifier and answer; answers that ride along are few and much repeated,
    so they are added up before they are taken apart."""
    names = tuple(sorted(categories.items())) if categories else ()
    given: dict[tuple[int, Slot], Receipt] = {}
    riding: dict[tuple[tuple[int, bool], Answers], tuple[int, Event]] = {}
    for event, subject in zip(events, subjects, strict=True):
        if subject is None:
            continue
        if event.name in SPOKEN:
            for receipt in receipts_of(event, *subject, categories):
                _add(given, receipt)
            continue
        context = event.context
        if "consent" not in context and "consentManagement" not in context:
            continue
        said = said_in(context)
        preferences = said.get("categoryPreferences") if type(said) is dict else None
        if type(said) is not dict or type(preferences) is not dict:
            continue
        answers = _answers(_encode(preferences), said.get("resolutionStrategy") == "or", names)
        if not answers:
            continue
        first_us, last = riding.get((subject, answers), (event.occurred_us, event))
        if (event.occurred_us, event.event_id) > (last.occurred_us, last.event_id):
            last = event
        riding[subject, answers] = min(first_us, event.occurred_us), last
    for ((key, strong), answers), (first_us, last) in riding.items():
        for purpose, granted in answers:
            receipt = Receipt(
                subject_key=key, purpose=purpose, granted=granted, at_us=last.occurred_us, first_us=first_us,
                event_id=last.event_id, source=last.source, strong=strong,
            )  # fmt: skip
            _add(given, receipt)
    return given


@lru_cache(maxsize=4096)
def _answers(preferences: bytes, any_of: bool, categories: tuple[tuple[str, str], ...]) -> Answers:
    return tuple(answers_of(_open(preferences), any_of, dict(categories)).items())


def _add(given: dict[tuple[int, Slot], Receipt], receipt: Receipt) -> None:
    slot = receipt.subject_key, (receipt.purpose, receipt.channel, receipt.granted, receipt.slot)
    given[slot] = _joined(given[slot], receipt) if slot in given else receipt


def _joined(one: Receipt, other: Receipt) -> Receipt:
    """The same answer stated twice: when first, when last, and the last one's event."""
    last = one if (one.at_us, one.event_id) >= (other.at_us, other.event_id) else other
    first_us = min(one.first_us, other.first_us)
    return last if last.first_us == first_us else msgspec.structs.replace(last, first_us=first_us)


def _keep(
    conn: sa.Connection, given: dict[tuple[int, Slot], Receipt], fresh: Collection[int], recall: Recall
) -> set[int]:
    """Store receipts; the identifiers for which they say something new."""
    recall.read_receipts(conn, {key for key, _ in given}, fresh)
    news: set[int] = set()
    rows: list[tuple[Any, ...]] = []
    for (key, slot), receipt in given.items():
        held = recall.receipts[key]
        old = held.get(slot)
        new = receipt if old is None else _joined(old, receipt)
        if new != old:
            held[slot] = new
            news.add(key)
            rows.append((key, *slot, new.at_us, new.first_us, new.event_id, new.source, new.text_version, new.strong))
    State.put(conn, receipts, (*_SLOT, *_SAID), rows, _SAID)
    return news


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
