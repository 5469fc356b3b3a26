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
from ariane.identity.guarding.resolving import Bundle, Seen, Solution, bundles, solved
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
    """What would change if `after` were in force instead of `before`: all the stored evidence solved by both, a bundle
    of components at a time. Writes nothing.

    >>> from ariane.store import State
    >>> state = State("sqlite://"); state.create()
    >>> with state.read() as conn:
    ...     found = difference(conn, consent.permit("service", actor="nina"), Rules.default(), Rules.default())
    >>> found.n_persons_before, found.changes
    (0, ())
    """
    tally = _Tally()
    for bundle in bundles(conn, {*before.bound, *after.bound}):
        was, would = solved(bundle, before), solved(bundle, after)
        tally.take(bundle, was, would, after)
        tally.n_consents += n_given(conn, tally.moved)
        tally.moved = set()
    may = _may(conn, permit, [key for one in tally.changes for key in one.keys] + list(tally.named))
    changes = nsmallest(LARGEST, tally.changes, key=lambda one: one.order)
    turned = tuple(
        Turned(status, kind, n, tuple(one for key in tally.examples[status, kind] if (one := may.get(key)) is not None))
        for (status, kind), n in sorted(tally.turned.items())
    )
    return Difference(
        tally.n_before, tally.n_after, tally.n_merged, tally.n_split, tally.n_renamed, tally.n_identifiers,
        tally.n_events, tally.n_consents, turned, dict(sorted(tally.refused.items())),
        dict(sorted(tally.admitted.items())), tuple(one.told(may) for one in changes),
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
    """The counts of all bundles so far, and what may turn out to be among the largest changes."""

    def __init__(self) -> None:
        self.n_before = self.n_after = self.n_merged = self.n_split = self.n_renamed = 0
        self.n_identifiers = self.n_events = self.n_consents = 0
        self.turned: Counter[tuple[str, str]] = Counter()
        self.refused: Counter[str] = Counter()
        self.admitted: Counter[str] = Counter()
        self.examples: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        self.changes: list[_Found] = []
        self.moved: set[int] = set()

    @property
    def named(self) -> set[int]:
        return {key for keys in self.examples.values() for key in keys}

    def take(self, bundle: Bundle, was: Solution, would: Solution, rules: Rules) -> None:
        self.n_before += len(set(was.owner.values()))
        self.n_after += len(set(would.owner.values()))
        self.refused.update(edge.rule for edge in was.live - would.live)
        self.admitted.update(edge.rule for edge in would.live - was.live)
        for key in sorted(key for key in was.status.keys() | would.status.keys()):
            status = would.status.get(key, "live")
            if status != was.status.get(key, "live"):
                slot = status, bundle.seen[key].kind
                self.turned[slot] += 1
                if len(self.examples[slot]) < EXAMPLES:
                    self.examples[slot].append(key)
        changed = [key for key in bundle.seen if was.owner[key] != would.owner[key]]
        for keys in _regrouped(changed, was, would):
            self._regroup(keys, bundle.seen, was, would, rules)
        self.changes = nsmallest(LARGEST, self.changes, key=lambda one: one.order)

    def _regroup(self, keys: list[int], seen: dict[int, Seen], was: Solution, would: Solution, rules: Rules) -> None:
        """Count what becomes of persons who exchange identifiers among themselves and with nobody else."""
        sources, targets = _parts(keys, was.owner), _parts(keys, would.owner)
        if len(sources) == len(targets) == 1:
            self.n_renamed += 1
            return
        went = {old: {would.owner[key] for key in held} for old, held in sources.items()}
        came = {new: {was.owner[key] for key in held} for new, held in targets.items()}
        n_split = sum(len(new) > 1 for new in went.values())
        n_merged = sum(len(new) == 1 and len(came[next(iter(new))]) > 1 for new in went.values())
        self.n_split += n_split
        self.n_merged += n_merged

        def strength(key: int) -> tuple[int, int, int]:
            return (-rules.priority(seen[key].kind), seen[key].first_us, key)

        def foremost(own: str, held: list[int], among: dict[int, str], others: set[str]) -> str:
            return own if own in others else among[min(held, key=strength)]

        heir = {new: foremost(new, held, was.owner, came[new]) for new, held in targets.items()}
        main = {old: foremost(old, held, would.owner, went[old]) for old, held in sources.items()}
        # What stays: the part of a person that their heir has, by the same id or by the strongest identifier.
        moved = [k for k in keys if heir[would.owner[k]] != was.owner[k] or main[was.owner[k]] != would.owner[k]]
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


def _regrouped(changed: Collection[int], was: Solution, would: Solution) -> list[list[int]]:
    """All keys of the persons who lose or gain any, those who exchange some together."""
    if not changed:
        return []
    places: dict[tuple[bool, str], int] = {}

    def place(after: bool, person: str) -> int:
        return places.setdefault((after, person), len(places))

    groups = Groups()
    touched = {was.owner[key] for key in changed}, {would.owner[key] for key in changed}
    held = [key for key in was.owner if was.owner[key] in touched[0] or would.owner[key] in touched[1]]
    for key in held:
        groups.join(place(False, was.owner[key]), place(True, would.owner[key]))
    parts: defaultdict[int, list[int]] = defaultdict(list)
    for key in held:
        parts[groups.of(place(False, was.owner[key]))].append(key)
    return list(parts.values())
