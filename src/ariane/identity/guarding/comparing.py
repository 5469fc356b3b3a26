"""What other rules would do to the persons there are, found out without doing it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from heapq import nsmallest
from typing import Any

import msgspec
import sqlalchemy as sa

from ariane import consent
from ariane.consent import Permit
from ariane.consent.given import n_given
from ariane.identity.bulk import fetch
from ariane.identity.guarding.resolving import Compared, Seen, compared
from ariane.identity.rules import Rules, reading_of
from ariane.identity.solving import Groups
from ariane.identity.stored import identifiers
from ariane.model import Identifier
from ariane.result import Tabular

LARGEST, EXAMPLES = 10, 4


class Change(msgspec.Struct, frozen=True):
    """Persons that would become others. `cause`: merged, split, or moved (both at once); `before` and `after` are
    their ids; `n_identifiers` and `n_events` would change hands; `examples` are some who would."""

    cause: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    n_identifiers: int
    n_events: int
    examples: tuple[Identifier, ...]


class Turned(msgspec.Struct, frozen=True):
    """Identifiers of a kind that would be something they are not: shared, blocked, or live again."""

    status: str
    kind: str
    n: int
    examples: tuple[Identifier, ...]


class Difference(msgspec.Struct, Tabular, frozen=True, dict=True):
    """What other rules would change.

    `n_merged` persons would be part of one with others, `n_split` persons would be several, `n_renamed` would only go
    by another id. `n_identifiers`, with `n_events` events and `n_consents` answers about consent, would change hands.
    `refused` and `admitted` count the evidence, by rule, that would tie no more and that would tie anew. `changes` are
    the largest; those whose persons this permit may not read come without examples. `rereads`: past events would be
    read otherwise too, which takes a rebuild and is not in these numbers.
    """

    n_persons_before: int
    n_persons_after: int
    n_merged: int
    n_split: int
    n_renamed: int
    n_identifiers: int
    n_events: int
    n_consents: int
    turned: tuple[Turned, ...]
    refused: dict[str, int]
    admitted: dict[str, int]
    changes: tuple[Change, ...]
    rereads: bool

    def as_rows(self) -> list[dict[str, Any]]:
        """One row for each of the largest changes."""
        return [
            {
                "cause": one.cause,
                "before": " ".join(one.before),
                "after": " ".join(one.after),
                "n_identifiers": one.n_identifiers,
                "n_events": one.n_events,
                "examples": ", ".join(map(str, one.examples)),
            }
            for one in self.changes
        ]


def difference(conn: sa.Connection, permit: Permit, before: Rules, after: Rules) -> Difference:
    """What would change if `after` were in force instead of `before`: all the stored evidence solved by both, in bulk
    (`batch.solve_all`). Writes nothing.

    >>> from ariane.store import State
    >>> state = State("sqlite://"); state.create()
    >>> with state.read() as conn:
    ...     found = difference(conn, consent.permit("service", actor="nina"), Rules.default(), Rules.default())
    >>> found.n_persons_before, found.changes
    (0, ())
    """
    tally, found = _Tally(), compared(conn, before, after)
    tally.take(found, after)
    may = _may(conn, permit, [key for one in tally.changes for key in one.keys] + list(tally.named))
    changes = nsmallest(LARGEST, tally.changes, key=lambda one: one.order)
    turned = tuple(
        Turned(status, kind, n, tuple(one for key in tally.examples[status, kind] if (one := may.get(key)) is not None))
        for (status, kind), n in sorted(tally.turned.items())
    )
    return Difference(
        found.n_before, found.n_after, tally.n_merged, tally.n_split, tally.n_renamed, tally.n_identifiers,
        tally.n_events, n_given(conn, tally.moved), turned, dict(sorted(found.refused.items())),
        dict(sorted(found.admitted.items())), tuple(one.told(may) for one in changes),
        reading_of(before) != reading_of(after),
    )  # fmt: skip


def _may(conn: sa.Connection, permit: Permit, keys: Collection[int]) -> dict[int, Identifier]:
    """The identifiers of these keys whose person this permit may read."""
    i = identifiers.c
    found = sa.select(i.key, i.kind, i.value).where(consent.gate(permit, i.person_id))
    return {key: Identifier(kind, value) for key, kind, value in fetch(conn, found, i.key, keys)}


class _Found(msgspec.Struct, gc=False):
    """A change by keys, before anybody is named."""

    cause: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    n_identifiers: int
    n_events: int
    keys: tuple[int, ...]

    @property
    def order(self) -> tuple[Any, ...]:
        return (-self.n_events, -self.n_identifiers, self.before)

    def told(self, may: dict[int, Identifier]) -> Change:
        named = tuple(may[key] for key in self.keys) if all(key in may for key in self.keys) else ()
        return Change(self.cause, self.before, self.after, self.n_identifiers, self.n_events, named)


class _Tally:
    """The counts, and what may turn out to be among the largest changes."""

    def __init__(self) -> None:
        self.n_merged = self.n_split = self.n_renamed = self.n_identifiers = self.n_events = 0
        self.turned: Counter[tuple[str, str]] = Counter()
        self.examples: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        self.changes: list[_Found] = []
        self.moved: set[int] = set()

    @property
    def named(self) -> set[int]:
        return {key for keys in self.examples.values() for key in keys}

    def take(self, found: Compared, rules: Rules) -> None:
        for key, kind, status in found.turned:
            self.turned[status, kind] += 1
            if len(self.examples[status, kind]) < EXAMPLES:
                self.examples[status, kind].append(key)
        for keys in _regrouped(found.was, found.would):
            self._regroup(keys, found.seen, found.was, found.would, rules)
        self.changes = nsmallest(LARGEST, self.changes, key=lambda one: one.order)

    def _regroup(
        self, keys: list[int], seen: dict[int, Seen], was: dict[int, str], would: dict[int, str], rules: Rules
    ) -> None:
        """Count what becomes of persons who exchange identifiers among themselves and with nobody else."""
        sources, targets = _parts(keys, was), _parts(keys, would)
        if len(sources) == len(targets) == 1:
            self.n_renamed += 1
            return
        went = {old: {would[key] for key in held} for old, held in sources.items()}
        came = {new: {was[key] for key in held} for new, held in targets.items()}
        n_split = sum(len(new) > 1 for new in went.values())
        n_merged = sum(len(new) == 1 and len(came[next(iter(new))]) > 1 for new in went.values())
        self.n_split += n_split
        self.n_merged += n_merged

        def strength(key: int) -> tuple[int, int, int]:
            return (-rules.priority(seen[key].kind), seen[key].first_us, key)

        def foremost(own: str, held: list[int], among: dict[int, str], others: set[str]) -> str:
            return own if own in others else among[min(held, key=strength)]

        heir = {new: foremost(new, held, was, came[new]) for new, held in targets.items()}
        main = {old: foremost(old, held, would, went[old]) for old, held in sources.items()}
        # What stays: the part of a person that their heir has, by the same id or by the strongest identifier.
        moved = [k for k in keys if heir[would[k]] != was[k] or main[was[k]] != would[k]]
        n_events = sum(seen[key].n_events for key in moved)
        self.n_identifiers += len(moved)
        self.n_events += n_events
        self.moved.update(moved)
        cause = "moved" if n_split and n_merged else "split" if n_split else "merged" if n_merged else "moved"
        shown = tuple(sorted(moved, key=strength)[:EXAMPLES])
        before, after = tuple(sorted(sources)), tuple(sorted(targets))
        self.changes.append(_Found(cause, before, after, len(moved), n_events, shown))


def _parts(keys: Iterable[int], owner: dict[int, str]) -> dict[str, list[int]]:
    parts: dict[str, list[int]] = {}
    for key in keys:
        parts.setdefault(owner[key], []).append(key)
    return parts


def _regrouped(was: dict[int, str], would: dict[int, str]) -> list[list[int]]:
    """All keys of the persons who lose or gain any, those who exchange some together."""
    places: dict[tuple[bool, str], int] = {}

    def place(after: bool, person: str) -> int:
        return places.setdefault((after, person), len(places))

    groups = Groups()
    for key, old in was.items():
        groups.join(place(False, old), place(True, would[key]))
    parts: defaultdict[int, list[int]] = defaultdict(list)
    for key, old in was.items():
        parts[groups.of(place(False, old))].append(key)
    return list(parts.values())
