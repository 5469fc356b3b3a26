"""Which persons' records are one person's: what to tie, what to ask, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import msgspec
import numpy as np
import sqlalchemy as sa

from ariane.identity.commands import LINKED, MANUAL, SEPARATION
from ariane.identity.linking import Answer, Apart, Linked, Model, link, read, teach
from ariane.identity.matching.pairs import PRIOR, Pair, Reason
from ariane.identity.matching.recording import Record, Records, join, top
from ariane.identity.stored import edges, rulings


class Looked(msgspec.Struct, frozen=True):
    """What looking found: `merges` to tie at once, `reviews` to ask about, the surest first. `model` made them,
    `version` is its digest; `n_answers` of people's decisions were about two records, `taught`: enough to learn from.
    """

    n_records: int
    merges: tuple[Pair, ...]
    reviews: tuple[Pair, ...]
    n_answers: int
    taught: bool
    version: str
    model: Model | None


def look(conn: sa.Connection, found: Records) -> Looked:
    """Link the records. What people parted or took back is kept apart; what is tied already is not told again, so that
    looking again after the ties were made finds nothing new."""
    if len(found.rows) < 2:
        return Looked(len(found.rows), (), (), 0, False, "", None)
    held, ties = _apart(conn, found), _ties(conn, found)
    given = read(found.table(), found.columns, ids=[str(one.by) for one in found.rows])
    linked = link(given, None, held)
    answers = [Answer(a, b, True) for a, b in ties.decided - set(held.pairs)]
    answers += [Answer(a, b, False) for a, b in set(held.pairs) - ties.decided]
    model = teach(linked, answers)
    if model.trees:
        linked = link(given, model, held)
    leads = {at: at for at in range(len(found.rows))}
    for a, b in ties.joined:
        join(leads, a, b)
    merges = [one for one in linked.merges() if _pair(one.a, one.b) not in ties.known and join(leads, one.a, one.b)]
    asked: dict[tuple[int, int], tuple[int, int, float]] = {}
    for one in linked.reviews():
        ends = _pair(top(leads, one.a), top(leads, one.b))
        if ends[0] != ends[1] and _pair(one.a, one.b) not in ties.known:
            asked.setdefault(ends, (one.a, one.b, one.probability))
    digest = blake2b(linked.model.to_json(), digest_size=6).hexdigest()
    return Looked(
        len(found.rows),
        tuple(_told(linked, found.rows, [(one.a, one.b, one.probability) for one in merges])),
        tuple(_told(linked, found.rows, list(asked.values()))),
        len(answers),
        bool(model.trees),
        digest,
        linked.model,
    )


class _Ties(msgspec.Struct, frozen=True):
    """Pairs of records: those `joined` by likeness or by hand, those `known` to have been linked whatever became of it,
    those that somebody `decided` are one."""

    joined: frozenset[tuple[int, int]]
    known: frozenset[tuple[int, int]]
    decided: frozenset[tuple[int, int]]


def _pair(a: int, b: int) -> tuple[int, int]:
    return (a, b) if a < b else (b, a)


def _pairs(numbers: dict[int, int], rows: Iterable[Sequence[int]]) -> frozenset[tuple[int, int]]:
    return frozenset(
        _pair(numbers[row[0]], numbers[row[1]])
        for row in rows
        if row[0] in numbers and row[1] in numbers and numbers[row[0]] != numbers[row[1]]
    )


def _ties(conn: sa.Connection, found: Records) -> _Ties:
    e, numbers = edges.c, found.numbers()
    rows = conn.execute(sa.select(e.a_key, e.b_key, e.rule, e.status).where(e.rule.in_([LINKED, MANUAL]))).fetchall()
    return _Ties(
        _pairs(numbers, [row[:2] for row in rows if row[3] == "live"]),
        _pairs(numbers, [row[:2] for row in rows if row[2] == LINKED]),
        _pairs(numbers, [row[:2] for row in rows if row[2] == MANUAL]),
    )


def _apart(conn: sa.Connection, found: Records) -> Apart:
    """Two different accounts; what people parted, and what they took back."""
    r, numbers = rulings.c, found.numbers()
    parted = conn.execute(
        sa.select(r.a_key, r.b_key).where(((r.rule == SEPARATION) & r.stands) | ((r.rule == LINKED) & ~r.stands))
    )
    kinds = sorted({kind for one in found.rows for kind in one.uniques})
    strong = []
    for kind in kinds:
        values = {
            key: at for at, key in enumerate(sorted({one.uniques[kind] for one in found.rows if kind in one.uniques}))
        }
        strong.append(tuple(values[one.uniques[kind]] if kind in one.uniques else -1 for one in found.rows))
    return Apart((), tuple(strong), tuple(sorted(_pairs(numbers, parted))))


def _told(linked: Linked, rows: Sequence[Record], pairs: list[tuple[int, int, float]]) -> list[Pair]:
    from ariane.identity.linking.model import weigh

    if not pairs:
        return []
    rank = np.empty(linked.records.n, np.int64)
    rank[linked.records.rows] = np.arange(linked.records.n)
    a, b = rank[[pair[0] for pair in pairs]], rank[[pair[1] for pair in pairs]]
    weighed = weigh(linked.model, linked.records, a, linked.records, b)
    return [
        Pair(
            rows[one[0]].by, rows[one[1]].by, round(one[2], 6),
            reasons(linked.model, weighed.levels[at].tolist(), weighed.parts[at].tolist(), float(weighed.weight[at])),
        )
        for at, one in enumerate(pairs)
    ]  # fmt: skip


def reasons(model: Model, levels: Sequence[int], parts: Sequence[float], weight: float) -> tuple[Reason, ...]:
    """A pair's comparisons in bits, the prior first. Of the two readings of a name only the stronger counts; what the
    answers taught is in the prior."""
    from ariane.identity.linking.columns import NAMES

    bit = float(np.log(2))
    worded = [at for at, one in enumerate(model.agreements) if one.comparison.meaning == "words"]
    columned = [at for at, one in enumerate(model.agreements) if one.comparison.meaning in NAMES]
    left: set[int] = set()
    if worded and columned:
        by_words = sum(parts[at] for at in worded) > sum(parts[at] for at in columned)
        left = set(columned if by_words else worded)
    told = []
    for at, one in enumerate(model.agreements):
        if at not in left and levels[at] >= 0:
            told.append(
                Reason(
                    one.comparison.name, round(levels[at] / (one.comparison.n_levels - 1), 3), round(parts[at] / bit, 2)
                )
            )
    rest = weight - sum(parts[at] for at in range(len(parts)) if at not in left)
    return (Reason(PRIOR, -1.0, round(rest / bit, 2)), *told)
