"""The outbox: messages that wait, are being carried, or are done with, in the state's own transactions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from ariane.consent import Permit, allowed
from ariane.deliver.stored import outbox
from ariane.errors import ConsentError, InputError
from ariane.model import SECOND, Identifier
from ariane.store import State

MOST_ATTEMPTS = 8
FIRST_WAIT_S, LONGEST_WAIT_S = 30, 6 * 3600
LEASE_S = 300

Status = Literal["queued", "claimed", "sent", "failed", "withdrawn"]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to deliver to one person. `message_id` makes it one: the same id is delivered once.

    `address` is where it goes, of the kind `address_kind` (email, phone…); `payload` is what the channel's adapter
    understands (for e-mail: subject, text). `attempts` counts how often it was taken to be sent.
    """

    message_id: str
    person_id: str
    purpose: str
    channel: str
    address_kind: str
    address: str
    payload: Mapping[str, Any]
    created_us: int
    attempts: int = 0


def enqueue(conn: sa.Connection, permit: Permit, message: Message) -> None:
    """Put the message in the outbox, in the caller's transaction. An id that is there already changes nothing.

    ConsentError when the person may not be reached for that purpose on that channel; InputError when the permit is for
    another purpose than the message.
    """
    if permit.purpose != message.purpose:
        raise InputError(
            f"A permit for {permit.purpose} cannot carry a message for {message.purpose}.", where=message.message_id
        )
    if not allowed(conn, permit, message.person_id, message.channel):
        raise ConsentError(
            f"{message.person_id} may not be reached by {message.channel} for {message.purpose}.",
            where=message.message_id,
            next_step="Choose a channel this person agreed to, or ask.",
        )
    row = {name: getattr(message, name) for name in message.__struct_fields__}
    row |= {"payload": msgspec.json.encode(message.payload).decode(), "status": "queued", "next_us": message.created_us}
    State.upsert(conn, outbox, [row])


def claim(
    conn: sa.Connection, now_us: int, *, limit: int = 50, lease_s: int = LEASE_S, channel: str | None = None
) -> list[Message]:
    """Take up to `limit` messages that are due, oldest first, for `lease_s` seconds; each counts one more attempt.

    Nobody else is given them until the lease ends; whoever took them and died loses them to the next claim. One taken
    8 times whose end nobody wrote down has failed, and so has one that cannot be read.
    """
    due = _due(now_us, channel)
    worn = due & (outbox.c.status == "claimed") & (outbox.c.attempts >= MOST_ATTEMPTS)
    lost = f"It was taken {MOST_ATTEMPTS} times, and none of them ended."
    conn.execute(sa.update(outbox).where(worn).values(status="failed", next_us=now_us, error=lost))
    taken = conn.execute(
        sa.select(outbox)
        .where(due)
        .order_by(outbox.c.next_us, outbox.c.message_id)
        .limit(limit)
        .with_for_update(skip_locked=True)  # where several machines claim at once; SQLite has one writer anyway
    ).fetchall()
    lease = {"status": "claimed", "next_us": now_us + lease_s * SECOND, "attempts": outbox.c.attempts + 1}
    messages = []
    for row in taken:
        values: dict[str, Any] = lease
        try:
            messages.append(_message(row))
        except (msgspec.DecodeError, UnicodeError) as error:
            values = {"status": "failed", "next_us": now_us, "error": f"The payload is not JSON: {error}."}
        conn.execute(sa.update(outbox).where(outbox.c.message_id == row.message_id).values(**values))
    return messages


def any_due(conn: sa.Connection, now_us: int, channel: str | None = None) -> bool:
    """Whether there is anything to claim."""
    return conn.execute(sa.select(outbox.c.message_id).where(_due(now_us, channel)).limit(1)).first() is not None


def _due(now_us: int, channel: str | None) -> sa.ColumnElement[bool]:
    due = outbox.c.status.in_(["queued", "claimed"]) & (outbox.c.next_us <= now_us)
    return due if channel is None else due & (outbox.c.channel == channel)


def _message(row: Any) -> Message:
    held = {name: getattr(row, name) for name in Message.__struct_fields__}
    return Message(**held | {"payload": msgspec.json.decode(row.payload), "attempts": row.attempts + 1})


def settle(
    conn: sa.Connection,
    message: Message,
    now_us: int,
    *,
    error: str = "",
    give_up: bool = False,
    withdrawn: bool = False,
) -> Status:
    """Write down how a claimed message ended, and its status now: sent; with an `error` queued again after 30 s,
    doubled each time up to 6 h, or failed, at once (`give_up`) or after 8 attempts; or withdrawn.

    A claim whose lease was lost to another settles nothing.
    """
    status: Status = "sent"
    next_us = now_us
    if withdrawn:
        status = "withdrawn"
    elif error and (give_up or message.attempts >= MOST_ATTEMPTS):
        status = "failed"
    elif error:
        status = "queued"
        next_us += min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (message.attempts - 1)) * SECOND
    mine = (outbox.c.message_id == message.message_id) & (outbox.c.attempts == message.attempts)
    changed = conn.execute(
        sa.update(outbox)
        .where(mine & (outbox.c.status == "claimed"))
        .values(status=status, next_us=next_us, error=error[:500])
    )
    if changed.rowcount:
        return status
    now = conn.execute(sa.select(outbox.c.status).where(outbox.c.message_id == message.message_id)).scalar()
    return now if now is not None else "withdrawn"


def forget(conn: sa.Connection, persons: Collection[str], keys: Collection[int] = ()) -> list[str]:
    """Delete every message to these persons, and to every address whose identifier has one of these keys, waiting or
    sent; the ids of those there were, for whoever keeps something by them."""
    wanted, addresses = frozenset(persons), frozenset(keys)
    rows = conn.execute(sa.select(outbox.c.message_id, outbox.c.person_id, outbox.c.address_kind, outbox.c.address))
    gone = [
        row.message_id
        for row in rows
        if row.person_id in wanted or Identifier(row.address_kind, row.address).key in addresses
    ]
    for message_id in gone:
        conn.execute(sa.delete(outbox).where(outbox.c.message_id == message_id))
    return gone
