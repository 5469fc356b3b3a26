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
    sa.Column("status", sa.String, nullable=False),  # live, refused (by a limit or a split), inert (shared), retracted
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

versions = sa.Table(
    "identity_versions",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
)
