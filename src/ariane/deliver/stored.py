"""The outbox's table in the state."""

from __future__ import annotations

import sqlalchemy as sa

from ariane.store import metadata

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("message_id", sa.String, primary_key=True),
    sa.Column("person_id", sa.String, nullable=False, index=True),
    sa.Column("purpose", sa.String, nullable=False),
    sa.Column("channel", sa.String, nullable=False),
    sa.Column("address_kind", sa.String, nullable=False),
    sa.Column("address", sa.String, nullable=False),
    sa.Column("payload", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False),  # queued, claimed, sent, failed or withdrawn
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_us", sa.BigInteger, nullable=False),  # not to be touched before: a retry's time, or a lease's end
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("error", sa.String, nullable=False, server_default=""),
    sa.Index("outbox_due", "status", "next_us"),
    info={"derived": False},  # what was sent was sent: a rebuild must not send it again
)
