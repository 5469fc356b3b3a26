"""Where persons stand: the gate that every read of persons passes."""

from __future__ import annotations

import sqlalchemy as sa

from ariane.consent.purposes import Permit
from ariane.consent.receipts import ANY_CHANNEL
from ariane.consent.stored import consents
from ariane.errors import ConsentError


def allowed(conn: sa.Connection, permit: Permit, person_id: str, channel: str | None = None) -> bool:
    """Whether this person may be read under this permit; on one channel, or (None) at all."""
    return bool(conn.execute(sa.select(gate(permit, sa.literal(person_id), channel))).scalar())


def require(conn: sa.Connection, permit: Permit, person_id: str) -> None:
    """ConsentError unless this person may be read under this permit."""
    if not allowed(conn, permit, person_id):
        raise ConsentError(
            f"{person_id} may not be read for {permit.purpose}.",
            allowed="a purpose this person agreed to, or one that needs no consent",
            next_step="Read for another purpose, or ask the person.",
        )


def gate(permit: Permit, person_id: sa.ColumnElement[str], channel: str | None = None) -> sa.ColumnElement[bool]:
    """The SQL condition that a person may be read under this permit, to put in the WHERE of any read of persons.

    Under consent somebody must have said yes: on `channel`, by the answer for that channel or else the general one, or
    (None) on any. Under legitimate interest nobody must have said no.
    """
    if not isinstance(permit, Permit):
        raise ConsentError("No permit was shown.", next_step="Ask consent.permit(purpose, actor=…) for one.")
    if permit.basis == "contract":
        return sa.true()

    def said(granted: bool, on: str | None) -> sa.ColumnElement[bool]:
        c = consents.alias().c
        where = (c.person_id == person_id) & (c.purpose == permit.purpose) & (c.granted == granted)
        return sa.exists(sa.select(c.person_id).where(where if on is None else where & (c.channel == on)))

    if permit.basis == "consent":
        if channel is None:
            return said(True, None)
        return said(True, channel) | (said(True, ANY_CHANNEL) & ~said(False, channel))
    if channel is None:
        return ~said(False, ANY_CHANNEL)
    return said(True, channel) | (~said(False, ANY_CHANNEL) & ~said(False, channel))
