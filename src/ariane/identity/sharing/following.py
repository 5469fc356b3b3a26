"""Whose the anonymous events of a shared machine are: those of whoever signed in on it in the same session."""

from __future__ import annotations

import ibis

from ariane.identity.rules import Rules
from ariane.model import SECOND, SESSION_GAP_S
from ariane.store import Engine

MACHINES = {"cookie": "anonymous_id", "device": "ctx_device_id"}
"""The kinds that have sessions, and the column of the lake's events that carries each, whoever the event is of."""


def followed(engine: Engine, rules: Rules, *, gap_s: int = SESSION_GAP_S) -> ibis.Table:
    """The anonymous instants of shared machines that follow a login: subject_key (the machine's), occurred_us, and
    account_key, an identifier of the person whose they are.

    A session of a machine is a stretch of the events that carry it with no gap over `gap_s` seconds. Where the live
    identifiers that name humans, among the subjects of these events, are all of one person, the events that nothing
    stronger names than the machine are that person's; with none or several, they stay the machine's. Whoever is asked
    about an event looks for its subject and its instant: all of one machine at one instant are in one session. Bots
    are nobody.
    """
    identifiers = engine.table("identifiers")
    met = carried(engine).select("machine_key", "subject_key", "occurred_us").distinct()
    strong = sorted(kind for kind in rules.kinds if rules.is_strong(kind))
    humans = identifiers.filter((identifiers.status == "live") & identifiers.kind.isin(strong))
    humans = humans.select(subject_key="key", account_key="key", person_id="person_id")
    seen = met.left_join(humans, "subject_key").drop("subject_key_right")
    return _signed_in(_numbered(seen, gap_s * SECOND))


def carried(engine: Engine) -> ibis.Table:
    """The events that carry each shared machine (machine_key), as their subject or beside it; bots are nobody."""
    identifiers, events = engine.table("identifiers"), engine.table("events")
    shared = identifiers.filter((identifiers.status == "shared") & identifiers.kind.isin(list(MACHINES)))
    events = events.filter(~events.is_bot)
    columns = ("machine_key", "subject_key", "occurred_us", "event_on", "channel", "ctx_device_type")
    own = events.semi_join(shared, events.subject_key == shared.key)
    found = own.mutate(machine_key=own.subject_key).select(*columns)
    for kind, column in MACHINES.items():
        if column in events.columns:  # not in a lake written before there was one
            known = shared.filter(shared.kind == kind).select(machine_key="key", **{column: "value"})
            # What is its own subject has been found already.
            others = events.inner_join(known, column)
            found = found.union(others.filter(others.subject_key != others.machine_key).select(*columns))
    return found


def _numbered(seen: ibis.Table, gap_us: int) -> ibis.Table:
    """With the number of the session among those of its machine."""
    # Ties are broken by the subject, so that both windows have one order.
    order = ["occurred_us", "subject_key"]
    gap = seen.occurred_us - seen.occurred_us.lag().over(ibis.window(group_by="machine_key", order_by=order))
    flagged = seen.mutate(starts=(gap > gap_us).fill_null(True).cast("int64"))
    running = ibis.window(group_by="machine_key", order_by=order, preceding=None, following=0)
    return flagged.mutate(session=flagged.starts.sum().over(running))


def _signed_in(seen: ibis.Table) -> ibis.Table:
    """The machine's own instants in sessions of exactly one person."""
    within = ibis.window(group_by=["machine_key", "session"])
    told = seen.mutate(
        first_id=seen.person_id.min().over(within), last_id=seen.person_id.max().over(within),
        account=seen.account_key.min().over(within),
    )  # fmt: skip
    theirs = told.filter((told.subject_key == told.machine_key) & (told.first_id == told.last_id))
    return theirs.select("subject_key", "occurred_us", account_key="account").distinct()
