"""After the order: waiting, receiving, installing, using, calling, buying again, recommending."""

from __future__ import annotations

from typing import Any

from ariane.demo.brand import CARRIERS, DAY_MS, HERMOD_WAITS, PRODUCTS
from ariane.demo.ledger import Touch
from ariane.demo.life import HOUR_MS, MINUTE_MS, Life
from ariane.demo.people import person, token
from ariane.demo.support import call
from ariane.demo.surveys import ask, review

LATE, LATE_AT_HERMOD = 0.070, 0.25
"""Shares of orders late against their promise: with the planted depot, 8 % over the whole town."""

PROMISED_DAYS = 2.4
CONNECTED = {"lamps", "hubs"}


def after_order(life: Life, t: float, order: dict[str, Any], touch: Touch, again: bool = True) -> None:
    """All that an order brings about."""
    chance, owner = life.chance, life.person
    u = chance.uniform
    at_till = touch.channel == "store"
    received = t + 2 * HOUR_MS
    if (not at_till or u() < 0.3) and life.known():
        received = _deliver(life, t, order)
    if order["category"] in CONNECTED and (owner.has_app or u() < 0.5):
        _install(life, life.later(received, min(3.0, chance.spread(0.5, 0.8)), "tablet"), order)
    if u() < 0.12:
        call(life, received + DAY_MS * (1 + chance.waits(6)), "return" if u() < 0.5 else "usage", order["product_id"])
    if u() < 0.06:
        call(life, t + DAY_MS * chance.waits(3), "payment", order["product_id"])
    if u() < 0.13:
        _recommend(life, life.later(received, 2 + chance.waits(9), "phone"))
    if again and u() < owner.persona.reorder:
        _reorder(life, life.later(received, 12 + chance.waits(9), "phone"))


def _deliver(life: Life, t: float, order: dict[str, Any]) -> float:
    """Promised, carried, made. What is due while the planted depot is closed waits there."""
    chance, add = life.chance, life.ledger.add
    u = chance.uniform
    carrier = chance.pick(CARRIERS)
    label = {"order_id": order["order_id"], "carrier": carrier, **life.known()}
    touch = life.mailed()
    promise = PROMISED_DAYS
    # A lognormal cut at the promise: those who would pass it are late on purpose below, at a known rate.
    days = min(chance.spread(1.35, 0.22), PROMISED_DAYS - 0.1)
    held = carrier == HERMOD_WAITS.slice_value and HERMOD_WAITS.hits(t + days * DAY_MS)
    if held:
        extra = HERMOD_WAITS.size / 86_400
        promise, days = promise + extra, days + extra * (0.8 + 0.4 * u())
        days = min(days, promise - 0.05)
    late = u() < (LATE_AT_HERMOD if held else LATE)
    if late:
        days = promise + 0.05 + chance.waits(1.2)
    promised, made = t + promise * DAY_MS, t + days * DAY_MS
    told = t + (2 + chance.waits(8)) * MINUTE_MS
    add(told, "Delivery Promised", touch, {**label, "promised_at": life.instant(promised)})
    if u() < 0.35:
        tracked = min(life.later(t, 0.3 + 0.5 * u(), "phone"), made - MINUTE_MS)
        screen = life.where.web(tracked, "phone", signed=True)
        add(tracked, "Order Tracking", screen, {"path": "/account/tracking"}, "page")
    late_days = max(0.0, round((made - promised) / DAY_MS, 2))
    by = life.mailed("partner")
    arrived = {"delivered_at": life.instant(made), "late_days": late_days, "wait_s": round((made - told) / 1000)}
    add(made, "Delivery Made", by, {**label, **arrived})
    feeling = life.feel(made, "waits_delivery", {"carrier": carrier}, (-1.0 if late else 0.0) - (0.5 if held else 0.0))
    ask(life, made, "waits_delivery", touch, feeling, {"carrier": carrier, **life.known()})
    if u() < 0.09:
        call(life, t + DAY_MS * days * u(), "delivery", order["product_id"])
    if u() < 0.4:
        then = life.later(made, 0.5 + chance.waits(2), "phone")
        review(life, then, order, life.where.web(then, "phone", signed=True), late)
    return made


def _install(life: Life, t: float, order: dict[str, Any]) -> None:
    """Pair the lamp, use it, and sometimes fail to."""
    chance, owner, add = life.chance, life.person, life.ledger.add
    u = chance.uniform
    serial = f"FIL-{token('serial', owner.number, len(owner.serials))[:10].upper()}"
    owner.serials.append(serial)
    lamp = {"object_serial": serial, "product_id": order["product_id"]}
    app = life.where.app() if owner.has_app else None
    paired = life.where.served("object", known=app is None and u() < 0.5)
    if app is not None:
        paired = Touch("object", paired.head, cookie=app.cookie, user=app.user)
    add(t, "Product Installed", paired, lamp)
    ask(life, t, "installs", paired, life.feel(t, "installs"), {"product_id": order["product_id"]})
    alone = life.where.served("object")
    at = t
    for _ in range(2 + int(u() * 5)):
        at = life.later(at, 0.5 + chance.waits(3.5), "tablet")
        add(at, "Product Used", alone, lamp)
    if u() < 0.05:
        add(t + HOUR_MS, "Object Error", alone, {**lamp, "code": "E-PAIR"})
    if u() < 0.32:
        call(life, t + HOUR_MS * (1 + chance.waits(12)), "activation", order["product_id"])


def _reorder(life: Life, t: float) -> None:
    """Bulbs again, in one gesture."""
    owner, chance = life.person, life.chance
    signed = owner.user_id is not None
    touch = life.where.app() if owner.has_app else life.where.web(t, "phone", signed=signed)
    product_id, category, price = PRODUCTS[3 if chance.uniform() < 0.7 else 4]
    order = {"order_id": life.number("O"), "revenue": price, "currency": "EUR", "kind": "reorder",
             "product_id": product_id, "category": category,
             "products": [{"product_id": product_id, "price": price, "quantity": 1}]}  # fmt: skip
    named = life.known() if touch.user is None else {}
    life.ledger.add(t, "Order Completed", touch, {**order, **named})
    ask(life, t, "buys_again", touch, life.feel(t, "buys_again"))
    after_order(life, t, order, touch, again=False)


def _recommend(life: Life, t: float) -> None:
    """Tell a friend: their address travels with the event and is nobody's identifier."""
    owner, chance = life.person, life.chance
    draw = chance.uniform()
    channel = "social" if draw < 0.45 else "email" if draw < 0.75 else "word_of_mouth"
    touch = life.mailed(channel)
    named: dict[str, Any] = life.known()
    if channel == "social" and owner.handle is not None:
        named = {"social_handle": owner.handle}
    elif not named:
        return
    friend = person(owner.seed, max(0, owner.number - 1 - int(chance.uniform() * 40)))[0]
    if friend.email is not None and friend.number != owner.number:
        named = {**named, "friend_email": friend.email}
    life.ledger.add(t, "Referral Made", touch, named)
    ask(life, t, "recommends", touch, life.feel(t, "recommends"), life.known())
