"""A journey proposed from the data, for a workspace that has not written its own yet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ibis

from ariane.journeys.blueprint import Journey, Step
from ariane.model import STAGES, Medium, Owner, Stage

if TYPE_CHECKING:
    from ariane.consent import Population

MOST_STEPS = 16
LEAST_SHARE = 0.005
LEAST_PERSONS = 5

NOISE = {
    "Survey Sent", "Survey Dismissed", "Consent Given", "Consent Withdrawn", "Segment Consent Preference Updated",
    "Email Delivered", "Message Sent", "Page Ping", "Heartbeat", "Application Backgrounded", "Rage Click",
    "Error Shown", "Object Error", "Persons Merged", "Persons Split", "Edge Retracted", "Call Queued", "Call Ended",
    "Call Menu Used", "Email Prefetched", "Email Bounced", "SMS Delivered", "SMS Failed", "Letter Posted",
    "Letter Delivered", "Letter Returned", "Visitors Counted", "Competitor Price Seen", "Firmware Updated",
    "Chat Ended", "Immersive Session Ended", "Points Earned", "Points Expired", "Row Refused", "Return Received",
}  # fmt: skip
"""Events that are no moment of a journey: bookkeeping, machine signals, halves of another event."""

KNOWN: dict[str, Stage] = {
    "Ad Viewed": "before", "Ad Clicked": "before", "Offer Received": "before", "Email Opened": "before",
    "Email Clicked": "before", "Friend Mentioned": "before", "SMS Clicked": "before", "Letter Code Used": "before",
    "Press Read": "before", "Shop Window Seen": "before", "Brand Mentioned": "loyalty",
    "Products Searched": "consideration", "Product Viewed": "consideration", "Product Compared": "consideration",
    "Store Visited": "consideration", "Adviser Consulted": "consideration", "Assistant Asked": "consideration",
    "Offer Viewed": "consideration", "Try-On Started": "consideration", "Try-On Completed": "consideration",
    "Virtual Shop Entered": "consideration", "Item Taken": "consideration", "Item Tried On": "consideration",
    "Immersive Session Started": "consideration", "Model Viewed": "consideration", "Product Placed": "consideration",
    "Competitor Considered": "consideration", "Virtual Event Attended": "consideration",
    "Product Added": "conversion", "Cart Viewed": "conversion", "Checkout Started": "conversion",
    "Payment Info Entered": "conversion", "Order Completed": "conversion", "Offer Completed": "conversion",
    "Virtual Item Bought": "conversion", "Order Cancelled": "conversion",
    "Delivery Promised": "evaluation", "Delivery Made": "evaluation", "Product Installed": "evaluation",
    "Product Used": "evaluation", "Call Started": "evaluation", "Call Answered": "evaluation",
    "Call Abandoned": "evaluation", "Order Refunded": "evaluation", "Survey Answered": "evaluation",
    "Review Posted": "evaluation", "Chat Turn": "evaluation", "Chat Handed Over": "evaluation",
    "Assistant Failed": "evaluation", "Ticket Opened": "evaluation", "Ticket Answered": "evaluation",
    "Ticket Reopened": "evaluation", "Ticket Solved": "evaluation", "Delivery Shipped": "evaluation",
    "Delivery Attempted": "evaluation", "Delivery Failed": "evaluation", "Pickup Ready": "evaluation",
    "Pickup Made": "evaluation", "Pickup Missed": "evaluation", "Return Requested": "evaluation",
    "Virtual Incident Reported": "evaluation", "Physical Twin Claimed": "evaluation",
    "Referral Made": "loyalty", "Loyalty Joined": "loyalty", "Points Spent": "loyalty", "Tier Changed": "loyalty",
    "Product Shared": "loyalty", "Post Shared": "loyalty", "Virtual Item Worn": "loyalty",
}  # fmt: skip
"""The stage of the events whose meaning is settled by their name."""

GOALS = ("Order Completed", "Offer Completed", "Subscription Started", "Signed Up")
_OWNERS: dict[str, tuple[Owner, Medium]] = {
    "Friend Mentioned": ("customer", "earned"),
    "Review Posted": ("customer", "earned"),
    "Referral Made": ("customer", "earned"),
    "Brand Mentioned": ("customer", "earned"),
    "Post Shared": ("customer", "earned"),
    "Press Read": ("other", "earned"),
    "Competitor Considered": ("other", "earned"),
    "Ad Viewed": ("brand", "paid"),
    "Ad Clicked": ("brand", "paid"),
}
_ROWS = ("channels",)


def propose(population: Population) -> Journey:
    """Draft a journey of at most 16 steps from what persons did: one step an event name, marked `proposed`.

    Names that fewer than 0.5 % of persons (or 5) ever did are left out, and so are bookkeeping events. Steps are
    ordered by their median place among the things a person did for the first time; an event with a known meaning
    goes to its stage, another to the stage its place falls in. Without events the journey has no steps.

    >>> import tempfile, ariane
    >>> population = ariane.open(tempfile.mkdtemp() + "/shop", create=True).population()
    >>> propose(population).proposed, propose(population).keys()
    (True, ())
    """
    run = population.engine.run
    found = run(_first_times(population)).to_pylist()
    n_persons = max((int(row["n_all"]) for row in found), default=0)
    floor = max(LEAST_PERSONS if n_persons > 100 else 1, LEAST_SHARE * n_persons)
    names = {
        row["event"]: row for row in found if row["n_persons"] >= floor and row["event"] not in NOISE and row["event"]
    }
    kept = sorted(names, key=lambda name: (-names[name]["n_persons"], name))[:MOST_STEPS]
    if not kept:
        return Journey(steps=(), name={"en": "Journey", "fr": "Parcours"}, proposed=True)
    staged = sorted(kept, key=lambda name: _place(name, names))
    steps, taken = [], set[str]()
    for name in staged:
        key = _key(name, taken)
        taken.add(key)
        owner, medium = _OWNERS.get(name, ("brand", "owned"))
        steps.append(Step(key=key, stage=_stage(name, names), name=name, events=(name,), owner=owner, medium=medium))
    goal = next((step.key for name in GOALS for step in steps if name in step.events), steps[-1].key)
    return Journey(
        steps=tuple(steps),
        name={"en": "Journey", "fr": "Parcours"},
        goal=goal,
        rows=_rows(population, kept),
        proposed=True,
    )


def _first_times(population: Population) -> ibis.Table:
    """Per event name: persons, and the median of its place (‰) among a person's first times; n_all: persons in all."""
    events = population.events
    firsts = events.group_by(["person_id", "event"]).aggregate(first_us=events.occurred_us.min())
    order = ibis.window(group_by="person_id", order_by=["first_us", "event"])
    placed = firsts.mutate(
        rank=ibis.row_number().over(order), among=firsts.event.count().over(ibis.window(group_by="person_id"))
    )
    placed = placed.mutate(place=(placed["rank"] * 2 + 1) * 500 // placed.among)
    ranked = placed.mutate(
        nth=ibis.row_number().over(ibis.window(group_by="event", order_by=["place", "person_id"])) + 1,
        n=placed.person_id.count().over(ibis.window(group_by="event")),
    )
    grouped = ranked.group_by("event").aggregate(
        n_persons=ranked.count(), place=ranked.place.max(where=ranked.nth <= (ranked.n + 1) // 2)
    )
    return grouped.cross_join(firsts.aggregate(n_all=firsts.person_id.nunique()))


def _stage(name: str, found: Mapping[str, Mapping[str, Any]]) -> Stage:
    if name in KNOWN:
        return KNOWN[name]
    return STAGES[min(len(STAGES) - 1, int(found[name]["place"]) * len(STAGES) // 1000)]


def _place(name: str, found: Mapping[str, Mapping[str, Any]]) -> tuple[int, int, str]:
    return STAGES.index(_stage(name, found)), int(found[name]["place"]), name


def _key(name: str, taken: set[str]) -> str:
    """A key made of the event's name, unlike those taken.

    >>> _key("Order Completed", set()), _key("2nd visit", set()), _key("Café", {"caf"})
    ('order_completed', 'step_2nd_visit', 'caf_2')
    """
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    key = plain if plain[:1].isalpha() else f"step_{plain}".rstrip("_")
    number, tried = 2, key
    while tried in taken:
        tried, number = f"{key}_{number}", number + 1
    return tried


def _rows(population: Population, names: list[str]) -> str:
    """What the grid's rows are: the channel, or a property that says it better and half of the events carry."""
    events = population.events.filter(population.events.event.isin(names))
    counted = events.aggregate(n=events.count(), **{name: events[f"prop_{name}"].count() for name in _ROWS})
    row = population.engine.run(counted).to_pylist()[0]
    return next((name for name in _ROWS if row[name] * 2 > row["n"] > 0), "channel")
