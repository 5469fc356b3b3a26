"""Consent in the state: receipts as they were given, and where each person stands now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import pyarrow as pa
import sqlalchemy as sa

from ariane.consent.deciding import Consent, decide_all
from ariane.consent.purposes import PURPOSE_BASES, Permit
from ariane.consent.receipts import ANY_CHANNEL, Receipt, receipts_of
from ariane.consent.stored import consents, receipts
from ariane.errors import ConsentError
from ariane.model import Event
from ariane.store import State, schema_of

_RECEIPT = (
    "subject_key", "purpose", "channel", "granted", "slot", "at_us", "first_us", "event_id", "source", "text_version",
    "strong",
)  # fmt: skip


Slot = tuple[int, str, str, bool, str]


class Membership(Protocol):
    """Who holds which identifiers, after a batch: what identity says of it, in plain data."""

    @property
    def version(self) -> int: ...
    @property
    def subjects(self) -> Sequence[tuple[int, bool] | None]: ...
    @property
    def changed(self) -> Mapping[str, tuple[int, ...]]: ...
    @property
    def gone(self) -> frozenset[str]: ...
    def members(self, conn: sa.Connection, keys: Iterable[int]) -> dict[str, tuple[int, ...]]: ...


def absorb(
    conn: sa.Connection,
    events: Sequence[Event],
    changes: Membership,
    categories: Mapping[str, str] | None = None,
) -> None:
    """Keep the receipts these events carry, and decide anew for the persons they or the batch's merges concern.

    `changes` is what identity said of the same events, in the same transaction. `categories` maps the workspace's own
    category names to purposes.
    """
    given: dict[Slot, Receipt] = {}
    for event, subject in zip(events, changes.subjects, strict=True):
        if subject is not None:
            for receipt in receipts_of(event, *subject, categories):
                slot = (receipt.subject_key, receipt.purpose, receipt.channel, receipt.granted, receipt.slot)
                given[slot] = _joined(given[slot], receipt) if slot in given else receipt
    spoke = {slot[0] for slot in given}
    news = _keep(conn, given)
    touched = {**changes.changed, **(changes.members(conn, spoke) if news else {})}
    _decide(conn, touched, changes)


def _joined(one: Receipt, other: Receipt) -> Receipt:
    """The same answer stated twice: when first, when last, and the last one's event."""
    last = max(one, other, key=lambda receipt: (receipt.at_us, receipt.event_id))
    values = {name: getattr(last, name) for name in _RECEIPT}
    return Receipt(**values | {"first_us": min(one.first_us, other.first_us)})


def _keep(conn: sa.Connection, given: dict[Slot, Receipt]) -> bool:
    """Store receipts; whether any says something new."""
    if not given:
        return False
    statement = sa.select(*[receipts.c[name] for name in _RECEIPT])
    for row in State.select_in(conn, statement, receipts.c.subject_key, {slot[0] for slot in given}):
        slot: Slot = (row[0], row[1], row[2], row[3], row[4])
        if slot in given:
            old = Receipt(**dict(zip(_RECEIPT, row, strict=True)))
            joined = _joined(old, given[slot])
            if joined == old:
                del given[slot]
            else:
                given[slot] = joined
    rows = [{name: getattr(receipt, name) for name in _RECEIPT} for receipt in given.values()]
    State.upsert(conn, receipts, rows, update=["at_us", "first_us", "event_id", "source", "text_version", "strong"])
    return bool(given)


def _decide(conn: sa.Connection, touched: Mapping[str, tuple[int, ...]], changes: Membership) -> None:
    owner = {key: person for person, keys in touched.items() for key in keys}
    held: dict[str, list[Receipt]] = {}
    statement = sa.select(*[receipts.c[name] for name in _RECEIPT])
    for row in State.select_in(conn, statement, receipts.c.subject_key, owner):
        held.setdefault(owner[row[0]], []).append(Receipt(**dict(zip(_RECEIPT, row, strict=True))))
    decided = {
        (person, *slot): consent
        for person, each in held.items()
        for slot, consent in decide_all(each, PURPOSE_BASES).items()
    }
    stale: list[tuple[str, str, str]] = []
    columns = [consents.c[name] for name in ("person_id", "purpose", "channel", "granted", "decided_us", "clash")]
    for row in State.select_in(conn, sa.select(*columns), consents.c.person_id, {*touched, *changes.gone}):
        consent = decided.get((row[0], row[1], row[2]))
        if consent is None:
            stale.append((row[0], row[1], row[2]))
        elif (consent.said, consent.decided_us, consent.clash) == tuple(row[3:]):
            del decided[row[0], row[1], row[2]]
    if stale:
        c = consents.c
        one = [c[name] == sa.bindparam(f"of_{name}") for name in ("person_id", "purpose", "channel")]
        values = [{"of_person_id": slot[0], "of_purpose": slot[1], "of_channel": slot[2]} for slot in stale]
        conn.execute(sa.delete(consents).where(*one), values)
    rows = [_consent_row(slot, consent, changes.version) for slot, consent in decided.items()]
    State.upsert(conn, consents, rows, update=["granted", "decided_us", "clash", "version"])


def _consent_row(slot: tuple[str, str, str], consent: Consent, version: int) -> dict[str, Any]:
    return {
        "person_id": slot[0], "purpose": slot[1], "channel": slot[2], "granted": consent.said,
        "decided_us": consent.decided_us, "clash": consent.clash, "version": version,
    }  # fmt: skip


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


def tables(conn: sa.Connection) -> dict[str, pa.Table]:
    """The lake's `consents`, in the order of its key."""
    schema = schema_of("consents")
    statement = sa.select(*[consents.c[name] for name in schema.names]).order_by(*consents.primary_key)
    rows = conn.execute(statement).fetchall()
    arrays = [pa.array([row[at] for row in rows], field.type) for at, field in enumerate(schema)]
    return {"consents": pa.Table.from_arrays(arrays, schema=schema)}
