"""Computes every person again from the stored evidence, as after a change of the rules."""

from __future__ import annotations

import sqlalchemy as sa

from ariane.identity.absorbing import Changes
from ariane.identity.gathering import Gathered
from ariane.identity.graph import judge_all, load, settle
from ariane.identity.identifying import is_blocked
from ariane.identity.recalling import Recall
from ariane.identity.rows import Row, load_rows
from ariane.identity.rules import Rules
from ariane.identity.stored import identifiers
from ariane.identity.writing import write_identifiers, write_persons, write_statuses


def resolve_all(conn: sa.Connection, rules: Rules | None = None) -> Changes:
    """Compute every person again from the stored evidence. It changes nothing, unless the rules changed.

    Reads every identifier and edge into memory.
    """
    rules = rules or Rules.default()
    version, *marks = Recall().open(conn, to_change=True)
    graph = load(conn, rules)
    i = identifiers.c
    judge_all(
        graph,
        [key for key, kind, value in conn.execute(sa.select(i.key, i.kind, i.value)) if is_blocked(rules, kind, value)],
    )
    settled = settle(graph)
    rows: dict[int, Row] = {}
    load_rows(conn, i.key, set(settled.moved).union(settled.before, *settled.persons.values()), rows)
    for key in settled.moved:
        rows[key].status, rows[key].component, rows[key].person_id = graph.standing(key)
    write_identifiers(conn, rows, settled.moved, (), version)
    batch = Gathered({}, {}, [], [], int(conn.execute(sa.select(sa.func.max(i.last_us))).scalar() or 0))
    gone = write_persons(conn, rows, batch, settled, rules, version)
    write_statuses(conn, settled.statuses, version)
    return Changes(version, [], settled.persons, frozenset(gone), marks=(marks[0], marks[1]), graph=graph)
