"""What the stream keeps in the state of the tracking plan: what it held apart, what it let through with a warning."""

from __future__ import annotations

import sqlalchemy as sa

from ariane.store import metadata

quarantined = sa.Table(
    "quarantined",
    metadata,
    sa.Column("partition", sa.String, primary_key=True),
    sa.Column("offset", sa.BigInteger, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("reasons", sa.Text, nullable=False),
)
"""Places in the log that the lake's writer sets apart. Rows it has passed are dropped."""

plan_warnings = sa.Table(
    "plan_warnings",
    metadata,
    sa.Column("source", sa.String, primary_key=True),
    sa.Column("type", sa.String, primary_key=True),
    sa.Column("event", sa.String, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("reason", sa.String, primary_key=True),
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.Column("first_us", sa.BigInteger, nullable=False),
    sa.Column("last_us", sa.BigInteger, nullable=False),
)
"""How often each part of the plan was broken by events that were kept. A reason holds nothing of their values."""

spoken = sa.Table(
    "quarantine_spoken", metadata, sa.Column("subject_key", sa.BigInteger, primary_key=True, autoincrement=False)
)
"""Identifiers whose consent was heard from quarantine, where identity does not look."""

suppressed = sa.Table(
    "suppressed",
    metadata,
    sa.Column("partition", sa.String, primary_key=True),
    sa.Column("offset", sa.BigInteger, primary_key=True),
)
"""Places in the log of what erased people did before their erasure, come again: the lake leaves out the same ones, and
the next erasure blanks them."""
