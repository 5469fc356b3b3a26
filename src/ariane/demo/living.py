"""A whole life in the town: journeys, and what comes between them."""

from __future__ import annotations

from datetime import datetime

from ariane.demo.brand import CAMPAIGNS, DAY_MS, DAYS, OFFERS, PRODUCTS
from ariane.demo.buying import advertise, journey
from ariane.demo.chance import BOT, HOURS, Chance, bounds_of
from ariane.demo.ledger import Row
from ariane.demo.life import HOUR_MS, MINUTE_MS, Life
from ariane.demo.people import person
from ariane.demo.recognising import recognise
from ariane.demo.support import call, some_reason
from ariane.demo.surveys import ask, ask_relation, relation_days
from ariane.demo.visits import browse, product
from ariane.demo.whereabouts import crawler

SPAN_MS = DAYS * DAY_MS
BOT_EVERY = 400
"""One crawler for so many persons."""

VIEWED_THEN_COMPLETED, COMPLETED_UNSEEN = 0.44, 0.3016
"""Chances to complete an offer after viewing it and without: 29.6 % of completions then had no view before."""

LOOKS = 15.0
"""Short visits in 120 days for the average person."""

_OFFERS = bounds_of((1.0, 1.0, 1.0))


def live(seed: int, number: int, origin: datetime) -> Life:
    """Everything one person does. Rows may lie outside the town's days: see `rows_of`."""
    inhabitant, chance = person(seed, number)
    life = Life(inhabitant, chance, origin)
    span = (inhabitant.until - inhabitant.arrived) / DAY_MS / 120
    for _ in range(chance.count(min(40.0, inhabitant.persona.journeys * inhabitant.activity * span))):
        start = _some_instant(life, inhabitant.arrived)
        if inhabitant.churned is None or start < inhabitant.churned - 20 * DAY_MS or chance.uniform() < 0.5:
            journey(life, start)
    _exposed(life)
    _looks_in(life)
    if inhabitant.email is not None:
        _mails(life)
        _offers(life)
        _decides(life)
        for day in relation_days(life, max(0, inhabitant.arrived), inhabitant.until):
            ask_relation(life, chance.hour("email", day))
    for _ in range(chance.count(0.12 * span)):
        call(life, _some_instant(life, inhabitant.arrived), some_reason(life), chance.pick(PRODUCTS)[0])
    recognise(life, inhabitant.until)
    return life


def rows_of(life: Life) -> list[Row]:
    """The person's rows within the town's span and their own stay, in order."""
    return life.ledger.within(0, life.person.until)


def _some_instant(life: Life, start: int) -> float:
    return start + life.chance.uniform() * (life.person.until - start)


def _exposed(life: Life) -> None:
    """Advertisements that start nothing."""
    start = max(0, life.person.arrived)
    for _ in range(life.chance.count(4.0 * (life.person.until - start) / SPAN_MS)):
        t = life.later(_some_instant(life, start), 0, "phone")
        advertise(life, t, "social" if life.chance.uniform() < 0.6 else "partner", clicks=0.06)


def _mails(life: Life) -> None:
    """Campaigns by e-mail, for those who agreed: delivered, opened, clicked. A click ties browser and address."""
    owner, chance = life.person, life.chance
    if not owner.consent["marketing"]:
        return
    start = max(0, owner.arrived)
    touch = life.mailed()
    for _ in range(chance.count(6.0 * (owner.until - start) / SPAN_MS)):
        t = chance.hour("email", int(_some_instant(life, start) / DAY_MS))
        if t > owner.withdrawn.get("marketing", owner.until):
            continue
        mail = {"campaign": chance.pick(CAMPAIGNS), "email": owner.email}
        life.ledger.add(t, "Email Delivered", touch, mail)
        if chance.uniform() >= 0.42:
            continue
        t += int(chance.waits(7) * HOUR_MS)
        life.ledger.add(t, "Email Opened", touch, mail)
        ask(life, t, "sees_campaign", touch, life.feel(t, "sees_campaign"))
        if chance.uniform() < 0.4:
            t += int(chance.waits(60_000))
            life.ledger.add(t, "Email Clicked", touch, mail)
            device = "laptop" if "laptop" in owner.devices and chance.uniform() < 0.4 else "phone"
            browse(life, t + 3_000, device, mail["campaign"], {"email": str(owner.email)})


def _offers(life: Life) -> None:
    """Offers received, viewed, completed; by sets of channels, viewed at the rates measured elsewhere."""
    owner, chance = life.person, life.chance
    u = chance.uniform
    start, end = max(0, owner.arrived), owner.until - 12 * DAY_MS
    if not owner.consent["personalisation"] or end <= start:
        return
    for _ in range(chance.count(2.6 * (end - start) / SPAN_MS)):
        t = float(chance.hour("email", int((start + u() * (end - start)) / DAY_MS)))
        offer_id, offer_type, channels, viewed = OFFERS[chance.weighed(_OFFERS)]
        touch = life.mailed("social" if "social" in channels else "email")
        offer = {"offer_id": offer_id, "offer_type": offer_type, "channels": channels, "email": owner.email}
        life.ledger.add(t, "Offer Received", touch, offer)
        saw = u() < viewed
        if saw:
            t += min(5 * DAY_MS, chance.waits(14 * HOUR_MS)) + MINUTE_MS
            life.ledger.add(t, "Offer Viewed", touch, offer)
        if u() < (VIEWED_THEN_COMPLETED if saw else COMPLETED_UNSEEN):
            t += min(6 * DAY_MS, chance.waits(2 * DAY_MS)) + MINUTE_MS
            life.ledger.add(t, "Offer Completed", touch, offer)


def _decides(life: Life) -> None:
    """Receipts: marketing by e-mail given with the address, what is withdrawn later."""
    owner, chance = life.person, life.chance
    touch = life.mailed()
    start = max(0, owner.arrived)
    for purpose, channel in (("marketing", "email"), ("personalisation", "")):
        decision = {"purpose": purpose, "text_version": "2026-02", "email": owner.email}
        if channel:
            decision["channel"] = channel
        withdrawn = owner.withdrawn.get(purpose)
        if purpose == "marketing" and owner.consent[purpose]:
            # Half of those who were there before had decided before the first day.
            given = start + chance.uniform() * ((withdrawn or owner.until) - start)
            if owner.arrived > 0 or chance.uniform() < 0.5:
                life.ledger.add(given, "Consent Given", touch, decision)
        if withdrawn is not None:
            life.ledger.add(withdrawn, "Consent Withdrawn", touch, decision)


def _looks_in(life: Life) -> None:
    """Short visits that lead nowhere: a look at the site on whichever screen is at hand."""
    owner, chance = life.person, life.chance
    start = max(0, owner.arrived)
    names = list(owner.devices)
    for _ in range(chance.count(min(40.0, LOOKS * owner.activity * (owner.until - start) / SPAN_MS))):
        name = chance.pick(names)
        t = life.later(_some_instant(life, start), 0, name if name in HOURS else "laptop")
        signed = owner.user_id is not None and chance.uniform() < 0.4
        touch = life.where.web(t, name, signed=signed)
        life.ledger.add(t, "Home", touch, {"path": "/"}, "page")
        if chance.uniform() < 0.3:
            life.ledger.add(t + 9_000 + chance.waits(40_000), "Product Viewed", touch, product(life))


def crawl(seed: int, number: int) -> list[Row]:
    """A crawler's rows: nights spent reading the catalogue."""
    chance = Chance(seed, BOT, number)
    touch = crawler(number)
    rows: list[Row] = []
    for _ in range(1 + chance.count(2)):
        t = chance.uniform() * (SPAN_MS - HOUR_MS)
        for _ in range(20 + chance.count(15)):
            t += 400 + chance.waits(900)
            product_id, category, _price = chance.pick(PRODUCTS)
            shown = {"product_id": product_id, "category": category, "path": f"/p/{product_id}"}
            rows.append((int(t), len(rows), "track", "Product Viewed", touch, shown))
    return rows
