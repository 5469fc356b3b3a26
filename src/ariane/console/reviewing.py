"""Pairs of records that may be one person's: which are still to be asked about, and two records set side by side."""

from __future__ import annotations

from collections.abc import Collection
from difflib import SequenceMatcher

import msgspec

from ariane import consent, identity
from ariane.console import decided, faces, masking, names
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.console.tongue import Tongue
from ariane.console.words import N_
from ariane.identity import foresight, matching
from ariane.identity.chosen import whose
from ariane.identity.matching import Linkage, Pair, Reason, Record
from ariane.model import Identifier, Purpose

ANSWERS = {"Persons Merged": True, "Persons Split": True, "Edge Retracted": False, "Separation Lifted": False}
"""Whether a decision about a pair leaves it answered."""
COLUMNS = {
    "given": N_("Given name"), "family": N_("Family name"), "name": N_("Name"), "born": N_("Born on"),
    "street": N_("Street"), "town": N_("Town"), "postcode": N_("Postcode"), "email": N_("E-mail address"),
    "phone": N_("Telephone"), "words": N_("The names, in whatever order"),
    "prior": N_("Before looking: how rare it is that two records are one person's"),
}  # fmt: skip
WORTH = (
    (6.0, N_("speaks strongly for it")), (2.0, N_("speaks for it")), (-2.0, N_("says little")),
    (-6.0, N_("speaks against it")), (float("-inf"), N_("speaks strongly against it")),
)  # fmt: skip
"""From how many bits a comparison speaks how."""


class Piece(msgspec.Struct, frozen=True):
    """A part of a value; `differs` where the other record says something else."""

    text: str
    differs: bool


class Row(msgspec.Struct, frozen=True):
    """One column of two records: what each says, and what that is worth, in words and in bits."""

    label: str
    a: tuple[Piece, ...]
    b: tuple[Piece, ...]
    said: str
    bits: str
    against: bool


def pending(desk: Desk, asked: Asked) -> tuple[Pair, ...]:
    """The pairs still to be asked about that may be read, the surest first: not yet one person, and not answered."""
    kept = matching.kept(desk.path)
    if kept is None or not kept.reviews:
        return ()
    permit = faces.permit_of(desk, asked)
    keys = {one.key for pair in kept.reviews for one in (pair.a, pair.b)}
    with desk.stores.state.read() as conn:
        held = whose(conn, permit, keys)
        parted = {
            _ends(one.a, one.b)
            for one in foresight.decisions(conn, permit, keys=keys, limit=len(keys) * 4)
            if one.verb in ("merge", "split")
        }
    answered = _lately(desk, parted)
    return tuple(
        pair
        for pair in kept.reviews
        if pair.a.key in held
        and pair.b.key in held
        and held[pair.a.key][1] != held[pair.b.key][1]
        and _ends(pair.a, pair.b) not in answered
    )


def _ends(a: Identifier, b: Identifier) -> tuple[int, int]:
    return min(a.key, b.key), max(a.key, b.key)


def _lately(desk: Desk, answered: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
    """The pairs answered, with what the log holds that the stream may not have taken yet."""
    found = set(answered)
    for event in sorted(decided.written(desk), key=lambda one: (one.occurred_us, one.event_id)):
        ends = decided.ends(event)
        if event.name in ANSWERS and len(ends) == 2:
            low, high = sorted(ends)
            if ANSWERS[event.name]:
                found.add((low, high))
            else:
                found.discard((low, high))
    return found


def sides(desk: Desk, asked: Asked, pair: Pair) -> tuple[Record | None, Record | None]:
    """What the two records say now; None of one whose events say nothing any more."""
    permit = faces.permit_of(desk, asked)
    purpose: Purpose = "service" if permit.purpose == "service" else "measurement"
    about = consent.population(desk.engine, purpose, basis=permit.basis)
    with desk.stores.state.read() as conn:
        keys = {key for one in (pair.a, pair.b) for key in identity.person(conn, permit, str(one)).keys}
        events = about.events.filter(about.events.subject_key.isin(sorted(keys)))
        narrowed = msgspec.structs.replace(about, events=events)
        linkage = msgspec.structs.replace(Linkage.of(desk.path), at_least=1)
        rows = matching.records(conn, narrowed, linkage, identity.rules_of(desk.path)).rows
    held = {key: one for one in rows for key in one.keys}
    return held.get(pair.a.key), held.get(pair.b.key)


def rows(tongue: Tongue, pair: Pair, a: Record | None, b: Record | None, *, clear: bool) -> tuple[Row, ...]:
    """The two records column by column, then what is not of one column."""
    by_column = {one.column: one for one in pair.reasons}
    left, right = (one.said if one is not None else {} for one in (a, b))
    order = {name: at for at, name in enumerate(COLUMNS)}
    found = []
    for name in sorted({*left, *right}, key=lambda one: (order.get(one, len(order)), one)):
        one, other = left.get(name, ""), right.get(name, "")
        parts = compared(one, other) if clear else (_hidden(name, one), _hidden(name, other))
        row = _row(tongue, name, *parts, by_column.pop(name, None))
        if not row.said and one and other and "words" in by_column:
            row = msgspec.structs.replace(row, said=tongue._("counted with the names below"))
        found.append(row)
    return (*found, *(_row(tongue, name, (), (), one) for name, one in sorted(by_column.items())))


def _row(tongue: Tongue, name: str, a: tuple[Piece, ...], b: tuple[Piece, ...], reason: Reason | None) -> Row:
    label = tongue._(COLUMNS[name]) if name in COLUMNS else names.plain(name)
    if reason is None:
        return Row(label, a, b, "", "", False)
    said = next(text for least, text in WORTH if reason.bits >= least)
    return Row(label, a, b, tongue._(said), tongue.signed(reason.bits), reason.bits < 0)


def _hidden(name: str, text: str) -> tuple[Piece, ...]:
    return (Piece(masked(name, text), False),) if text else ()


def compared(a: str, b: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Two values, each cut where they differ; capitals do not count.

    >>> [(piece.text, piece.differs) for piece in compared("Lopez", "lopes")[0]]
    [('Lope', False), ('z', True)]
    """
    cut: tuple[list[Piece], list[Piece]] = ([], [])
    for tag, i, j, k, n in SequenceMatcher(None, a.lower(), b.lower(), autojunk=False).get_opcodes():
        for pieces, text in ((cut[0], a[i:j]), (cut[1], b[k:n])):
            if text:
                pieces.append(Piece(text, tag != "equal"))
    return tuple(cut[0]), tuple(cut[1])


def masked(column: str, text: str) -> str:
    """A value of a record, unreadable, yet not nothing.

    >>> masked("given", "Ana"), masked("born", "1985-02-01"), masked("email", "ana@example.org"), masked("town", "")
    ('A•••', '1985•••', 'a•••@e•••.org', '')
    """
    if not text:
        return ""
    if column in ("email", "phone"):
        return masking.identifier(column, text)
    return text[:4] + masking.DOTS if column == "born" else masking.name(text) if text[:1].isalpha() else masking.DOTS
