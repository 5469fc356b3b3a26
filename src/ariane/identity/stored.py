"""The state's identity tables. All of it is derived: absorbing the same events again gives the same rows.

`version` grows by one with each batch and marks the rows that batch changed, so that a copy elsewhere reads only those.
"""

from __future__ import annotations

import sqlalchemy as sa

from ariane.store import metadata

MACHINES = ("cookie", "device")
"""The kinds nobody types in part: they are found whole, by their key."""


def named_by_people(kind: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Whether this kind is one that people type. In the words of the index on their values, or it is not used."""
    return kind.notin_([sa.literal_column(f"'{machine}'") for machine in MACHINES])


# Rows lie in the order they came, not in that of their keys, which are hashes: in a large table each new row of a batch
# would be on a page of its own.
identifiers = sa.Table(
    "identifiers",
    metadata,
    sa.Column("key", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("value", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False),  # live, shared, blocked
    sa.Column("component", sa.BigInteger, nullable=False, index=True),
    sa.Column("person_id", sa.String, nullable=False, index=True),
    sa.Column("first_us", sa.BigInteger, nullable=False),
    sa.Column("last_us", sa.BigInteger, nullable=False),
    sa.Column("n_events", sa.BigInteger, nullable=False),  # the events it is the subject of
    sa.Column("channels", sa.String, nullable=False),  # those events by channel, as JSON
    sa.Column("version", sa.BigInteger, nullable=False, index=True),
)
_TYPED = named_by_people(identifiers.c.kind)
sa.Index("ix_identifiers_typed", identifiers.c.value, sqlite_where=_TYPED, postgresql_where=_TYPED)

edges = sa.Table(
    "edges",
    metadata,
    sa.Column("edge_key", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("a_key", sa.BigInteger, nullable=False, index=True),
    sa.Column("b_key", sa.BigInteger, nullable=False, index=True),
    sa.Column("rule", sa.String, nullable=False),
    sa.Column("source", sa.String, nullable=False),  # of the first event that says so
    sa.Column("event_id", sa.String, nullable=False),
    sa.Column("purpose", sa.String, nullable=False),
    sa.Column("trust", sa.Float, nullable=False),
    sa.Column("first_us", sa.BigInteger, nullable=False),
    sa.Column("last_us", sa.BigInteger, nullable=False),
    sa.Column("n_events", sa.BigInteger, nullable=False),
    sa.Column(
        "status", sa.String, nullable=False
    ),  # live, refused (by a limit or a split), inert (shared), withheld, retracted
    sa.Column("version", sa.BigInteger, nullable=False, index=True),
)

# Evidence inferred between identifiers of which one was never seen yet: it waits, so that no order of events matters.
waiting = sa.Table(
    "waiting_evidence",
    metadata,
    sa.Column("a_key", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("b_key", sa.BigInteger, primary_key=True, autoincrement=False, index=True),
    sa.Column("rule", sa.String, primary_key=True),
    sa.Column("first_us", sa.BigInteger, nullable=False),
    sa.Column("last_us", sa.BigInteger, nullable=False),
    sa.Column("n_events", sa.BigInteger, nullable=False),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("event_id", sa.String, nullable=False),
    sa.Column("score", sa.Float),
)

rulings = sa.Table(
    "rulings",
    metadata,
    sa.Column("a_key", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("b_key", sa.BigInteger, primary_key=True, autoincrement=False, index=True),
    sa.Column("rule", sa.String, primary_key=True),
    sa.Column("stands", sa.Boolean, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("event_id", sa.String, nullable=False),
    sa.Column("actor", sa.String, nullable=False),
)

persons = sa.Table(
    "persons",
    metadata,
    sa.Column("person_id", sa.String, primary_key=True),
    sa.Column("first_seen_us", sa.BigInteger, nullable=False),
    sa.Column("last_seen_us", sa.BigInteger, nullable=False, index=True),
    sa.Column("n_events", sa.BigInteger, nullable=False),
    sa.Column("n_identifiers", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False, index=True),
)

person_changes = sa.Table(
    "person_changes",
    metadata,
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("old_person_id", sa.String, primary_key=True, index=True),
    sa.Column("new_person_id", sa.String, primary_key=True),
    sa.Column(
        "cause", sa.String, nullable=False
    ),  # merged: all went there; moved: the strongest part did; split: a part
    sa.Column("at_us", sa.BigInteger, nullable=False),
)
"""What each batch did, so that copies can follow; made again with the rest. What was told stands in `told_changes`."""

KEPT = {"derived": False}
"""No event says what was told when, so a rebuild leaves these tables and adds to them."""

told_changes = sa.Table(
    "told_changes",
    metadata,
    sa.Column("n", sa.BigInteger, primary_key=True, autoincrement=False),  # in the order it was told
    sa.Column("version", sa.BigInteger, nullable=False, index=True),
    sa.Column("old_person_id", sa.String, nullable=False, index=True),
    sa.Column("new_person_id", sa.String, nullable=False, index=True),  # "" when erased
    # merged: all went there; moved: the strongest part did; split: a part; erased: nobody goes by it any more
    sa.Column("cause", sa.String, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("a_key", sa.BigInteger),  # the evidence that did it, where one piece can be named
    sa.Column("b_key", sa.BigInteger),
    sa.Column("rule", sa.String, nullable=False),
    sa.Column("event_id", sa.String, nullable=False),  # the decision, or the event that brought the evidence
    info=KEPT,
)

told_moves = sa.Table(
    "told_moves",
    metadata,
    sa.Column("n", sa.BigInteger, primary_key=True, autoincrement=False),  # the change that moved it
    sa.Column("key", sa.BigInteger, primary_key=True, autoincrement=False, index=True),
    info=KEPT,
)

told_aliases = sa.Table(
    "told_aliases",
    metadata,
    sa.Column("alias", sa.String, primary_key=True),
    # who it leads to, in one step; itself when somebody goes by it again; "" when erased
    sa.Column("person_id", sa.String, nullable=False, index=True),
    sa.Column("version", sa.BigInteger, nullable=False, index=True),
    info=KEPT,
)

told_before = sa.Table(
    "told_before",
    metadata,
    sa.Column("key", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("person_id", sa.String, nullable=False, index=True),
    info=KEPT,
)
"""Whose each identifier was, as it was told, from when a rebuild deletes the state until it has made it again."""

told_until = sa.Table(
    "told_until",
    metadata,
    sa.Column("partition", sa.String, primary_key=True),
    sa.Column("offset", sa.BigInteger, nullable=False),
    info=KEPT,
)
"""How far the state had come that `told_before` was copied from; it is empty while nothing is being made again."""

versions = sa.Table(
    "identity_versions",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
)
