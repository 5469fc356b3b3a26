"""The state's consent tables: receipts as they were given, in so many words or riding along, and where each person
stands now."""

from __future__ import annotations

import sqlalchemy as sa

from ariane.store import metadata

receipts = sa.Table(
    "receipts",
    metadata,
    sa.Column("subject_key", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("purpose", sa.String, primary_key=True),
    sa.Column("channel", sa.String, primary_key=True),
    sa.Column("granted", sa.Boolean, primary_key=True),
    sa.Column("slot", sa.String, primary_key=True),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("first_us", sa.BigInteger, nullable=False),
    sa.Column("event_id", sa.String, nullable=False),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("text_version", sa.String, nullable=False),
    sa.Column("strong", sa.Boolean, nullable=False),
    sqlite_with_rowid=False,
)

# What rides along on events is the same again and again: one row for all the answers of an identifier that come
# together, and not one for each. In the order they came, as the identifiers are.
stated = sa.Table(
    "stated",
    metadata,
    sa.Column("subject_key", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("answers", sa.String, primary_key=True),  # [[purpose, granted], …] as JSON
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("first_us", sa.BigInteger, nullable=False),
    sa.Column("event_id", sa.String, nullable=False),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("strong", sa.Boolean, nullable=False),
)

consents = sa.Table(
    "consents",
    metadata,
    sa.Column("person_id", sa.String, primary_key=True),
    sa.Column("purpose", sa.String, primary_key=True),
    sa.Column("channel", sa.String, primary_key=True),  # "": every channel without a row of its own
    sa.Column("granted", sa.Boolean, nullable=False),  # what the person said; the legal basis is applied on reading
    sa.Column("decided_us", sa.BigInteger, nullable=False),
    sa.Column("clash", sa.Boolean, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False, index=True),
    sqlite_with_rowid=False,
)
