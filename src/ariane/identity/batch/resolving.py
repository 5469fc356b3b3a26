"""Solves the state's whole evidence again, in bulk, and writes what changed."""

from __future__ import annotations

import time

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from ariane.identity.absorbing import Changes
from ariane.identity.batch.stored import EVIDENCE, read_columns, solved_by_rules
from ariane.identity.batch.whole import Solved
from ariane.identity.gathering import Gathered, Pair
from ariane.identity.graph import Settled
from ariane.identity.recalling import Recall
from ariane.identity.rows import Row, load_rows
from ariane.identity.rules import Rules
from ariane.identity.stored import edges, identifiers
from ariane.identity.telling import tell
from ariane.identity.writing import write_identifiers, write_persons, write_purposes, write_statuses

_IDENTIFIERS = ("key", "kind", "value", "status", "component", "person_id", "first_us")


def resolve_all(conn: sa.Connection, rules: Rules | None = None) -> Changes:
    """Compute every person again from the stored evidence. It changes nothing, unless the rules changed.

    Reads every identifier and edge into arrays; rows and persons are made only of those whose person changed. Runs in
    the caller's transaction.
    """
    rules = rules or Rules.default()
    version, *marks = Recall().open(conn, to_change=True)
    held, evidence = read_columns(conn, identifiers, _IDENTIFIERS), read_columns(conn, edges, EVIDENCE)
    settled, rows = _changed(conn, held, solved_by_rules(conn, held, evidence, rules), evidence)
    write_identifiers(conn, rows, settled.moved, (), version)
    at_us = time.time_ns() // 1000
    gone, changes = write_persons(conn, rows, Gathered({}, {}, [], [], at_us), settled, rules, version)
    write_statuses(conn, settled.statuses, version)
    write_purposes(conn, rules, version)
    tell(conn, changes, rows, settled.before, (), version, at_us)
    return Changes(version, [], settled.persons, frozenset(gone), marks=(marks[0], marks[1]))


def _changed(conn: sa.Connection, held: pa.Table, solved: Solved, evidence: pa.Table) -> tuple[Settled, dict[int, Row]]:
    """What solving changed, and the rows of everybody it concerns, as they are from now on."""
    new = solved.identifiers
    moves = np.zeros(held.num_rows, np.bool_)
    for name in ("person_id", "component", "status"):
        moves |= np.asarray(pc.not_equal(held.column(name), _plain(new.column(name), held.schema.field(name).type)))
    old_ids, new_ids = held.column("person_id"), new.column("person_id").cast(pa.string())
    touched = pa.concat_arrays(
        [chunk for ids in (old_ids, new_ids) for chunk in ids.filter(pa.array(moves)).chunks] or [pa.array([], "str")]
    )
    concerned = pc.or_(pc.is_in(old_ids, touched), pc.is_in(new_ids, touched))
    rows: dict[int, Row] = {}
    load_rows(conn, identifiers.c.key, held.column("key").filter(concerned).to_pylist(), rows)
    before = {key: row.person_id for key, row in rows.items()}
    parts: dict[str, list[int]] = {}
    for each in new.filter(concerned).to_pylist():
        row = rows[each["key"]]
        row.component, row.person_id, row.status = each["component"], each["person_id"], each["status"]
        parts.setdefault(row.person_id, []).append(row.key)
    moved = frozenset(held.column("key").filter(pa.array(moves)).to_pylist())
    persons = {person_id: tuple(sorted(keys)) for person_id, keys in parts.items()}
    return Settled(before, moved, frozenset(), persons, {}, {}, _statuses(evidence, solved)), rows


def _statuses(evidence: pa.Table, solved: Solved) -> dict[Pair, str]:
    """The evidence whose status is another now."""
    new = _plain(solved.edges.column("status"), pa.string())
    news = evidence.set_column(evidence.schema.get_field_index("status"), "status", new)
    changed = news.filter(pc.not_equal(evidence.column("status"), new))
    return {(e["a_key"], e["b_key"], e["rule"]): e["status"] for e in changed.to_pylist()}


def _plain(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    return column.cast(kind)
