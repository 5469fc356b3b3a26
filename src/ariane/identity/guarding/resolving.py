"""The stored evidence solved by two sets of rules at once, without writing: in bulk, and of what is the same in both
nothing is looked at one by one."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from ariane.identity.batch import Solved
from ariane.identity.batch.stored import EVIDENCE, read_columns, solved_by_rules
from ariane.identity.rules import Rules
from ariane.identity.stored import edges, identifiers

_SEEN = ("key", "kind", "value", "status", "first_us", "n_events")


class Seen(NamedTuple):
    """An identifier as it is stored: `n_events` are those it is the subject of."""

    key: int
    kind: str
    first_us: int
    n_events: int


class Compared(NamedTuple):
    """What two sets of rules make of everybody. `was` and `would`: whose each identifier is, of all who are in a person
    that changes, with what is `seen` of them; `turned`: those whose status would be another, by key; `refused` and
    `admitted`: evidence by rule that would tie no more, or anew."""

    n_before: int
    n_after: int
    seen: dict[int, Seen]
    was: dict[int, str]
    would: dict[int, str]
    turned: list[tuple[int, str, str]]
    refused: Counter[str]
    admitted: Counter[str]


def compared(conn: sa.Connection, before: Rules, after: Rules) -> Compared:
    """The stored evidence by both."""
    held, evidence = read_columns(conn, identifiers, _SEEN), read_columns(conn, edges, EVIDENCE)
    was, would = (solved_by_rules(conn, held, evidence, rules) for rules in (before, after))
    ids = [one.identifiers.column("person_id").cast(pa.string()).combine_chunks() for one in (was, would)]
    moved = pc.not_equal(*ids)
    touched = pa.concat_arrays([each.filter(moved) for each in ids])
    concerned = pc.or_(*[pc.is_in(each, touched) for each in ids])
    rows = held.filter(concerned).select(Seen._fields).to_pylist()
    owners = [each.filter(concerned).to_pylist() for each in ids]
    keys = [row["key"] for row in rows]
    return Compared(
        len(pc.unique(ids[0])), len(pc.unique(ids[1])), {row["key"]: Seen(**row) for row in rows},
        dict(zip(keys, owners[0], strict=True)), dict(zip(keys, owners[1], strict=True)),
        _turned(held, was, would), _lost(evidence, was, would), _lost(evidence, would, was),
    )  # fmt: skip


def _turned(held: pa.Table, was: Solved, would: Solved) -> list[tuple[int, str, str]]:
    """(key, kind, status) of the identifiers that would be something they are not."""
    now, then = (one.identifiers.column("status").cast(pa.string()) for one in (was, would))
    changed = pc.not_equal(now, then)
    listed = held.select(["key", "kind"]).append_column("then", then).filter(changed)
    return sorted(zip(*[listed.column(at).to_pylist() for at in range(3)], strict=True))


def _lost(evidence: pa.Table, was: Solved, would: Solved) -> Counter[str]:
    """How much evidence of each rule ties in one and not in the other."""
    ties = [np.asarray(pc.equal(one.edges.column("status").cast(pa.string()), "live")) for one in (was, would)]
    return Counter(evidence.column("rule").filter(pa.array(ties[0] & ~ties[1])).to_pylist())
