"""Journeys towards a purchase: what starts one, what it passes through, how it is decided and paid."""

from __future__ import annotations

from typing import Any

from ariane.demo.brand import CAMPAIGNS, CHANNEL_EFFECTS, CHECKOUT_BREAKS, PLACES, PRODUCTS, PURCHASE_SHARE
from ariane.demo.chance import bounds_of
from ariane.demo.ledger import Touch
from ariane.demo.life import HOUR_MS, MINUTE_MS, Life
from ariane.demo.owning import after_order
from ariane.demo.people import Person
from ariane.demo.support import call
from ariane.demo.surveys import ask
from ariane.demo.visits import VISITS, greeted, sign_in, visit_store

DECIDES = 0.32
"""Who has met no channel decides to buy with this probability; CHANNEL_EFFECTS add to it."""

TYPOS = 0.03
_EAGER = {"buy": 1.25, "research": 0.8, "gift": 1.1, "support": 0.9, "renew": 1.05}
_CHANNEL = {"phone": "web", "laptop": "web", "tablet": "web"}
_PLACES: dict[str, tuple[float, ...]] = {}


def journey(life: Life, start: float) -> None:
    """From a first spark to a decision, over days and places."""
    chance = life.chance
    met: set[str] = set()
    t = _spark(life, start, met)
    persona = life.person.persona
    bounds = _PLACES.get(persona.key) or _PLACES.setdefault(persona.key, bounds_of(persona.places))
    while True:
        place = PLACES[chance.weighed(bounds)]
        hours, visit = VISITS[place]
        t = life.later(t + 40 * MINUTE_MS, min(9.0, chance.spread(0.9, 1.0)), hours)
        if t > -HOUR_MS:  # before the first day only what lasts (orders, calls) needs to have happened
            t = visit(life, t)
        met.add(_CHANNEL.get(place, place))
        if chance.uniform() < 0.36:
            break
    effects = sum(CHANNEL_EFFECTS[channel] for channel in met)
    if chance.uniform() < (DECIDES + effects) * _EAGER[life.person.intent]:
        _buy(life, t + 40 * MINUTE_MS)
    elif chance.uniform() < 0.04:
        call(life, t + HOUR_MS, "usage", chance.pick(PRODUCTS)[0])


def _spark(life: Life, start: float, met: set[str]) -> float:
    """What starts a journey: an advertisement, a friend, or nothing that was seen."""
    u = life.chance.uniform
    draw = u()
    t = life.later(start, 0, "phone")
    if t < -HOUR_MS:
        return t
    if draw < 0.14:
        touch = life.where.web(t, "phone")
        heard = touch.said_to_be("word_of_mouth")
        life.ledger.add(t, "Friend Mentioned", heard, {"campaign": "friends"})
        ask(life, t, "hears_friend", heard, life.feel(t, "hears_friend"))
        met.add("word_of_mouth")
    elif draw < 0.66:
        channel = "social" if u() < 0.6 else "partner"
        advertise(life, t, channel, clicks=0.5)
        met.add(channel)
    return t


def advertise(life: Life, t: float, channel: str, clicks: float) -> None:
    """An advertisement seen, perhaps clicked."""
    campaign = life.chance.pick(CAMPAIGNS)
    touch = life.where.in_app_browser(t, channel, campaign)
    life.ledger.add(t, "Ad Viewed", touch, {"campaign": campaign})
    if life.chance.uniform() < clicks:
        life.ledger.add(t + 4_000 + life.chance.waits(8_000), "Ad Clicked", touch, {"campaign": campaign})
    ask(life, t, "sees_campaign", touch, life.feel(t, "sees_campaign"))


def _buy(life: Life, t: float) -> None:
    """Decided: in the shop or online, whatever was visited before (online then shop; or the reverse)."""
    chance, person = life.chance, life.person
    days = min(6.0, chance.spread(0.6, 0.9))
    if chance.uniform() < person.persona.store_buyer:
        t = visit_store(life, life.later(t, days, "store"))
        if chance.uniform() < PURCHASE_SHARE:
            _at_till(life, t + (2 + chance.waits(5)) * MINUTE_MS)
        return
    if person.has_app and chance.uniform() < 0.65:
        hours, touch = "phone", life.where.app()
        t = life.later(t, days, hours)
    else:
        hours = "laptop" if "laptop" in person.devices and chance.uniform() < 0.5 else "phone"
        t = life.later(t, days, hours)
        touch = life.where.web(t, hours, signed=person.user_id is not None and chance.uniform() < 0.8)
    checkout(life, t, touch)


def checkout(life: Life, t: float, touch: Touch, tries: int = 0) -> None:
    """A basket, and its payment; where it fails or is left, a few come back."""
    chance, person, add = life.chance, life.person, life.ledger.add
    u, waits = chance.uniform, chance.waits
    order = _order(life)
    bought = {"product_id": order["product_id"], "category": order["category"]}
    named = _named(person, touch, u())
    add(t, "Product Viewed", touch, bought)
    t += 10_000 + waits(40_000)
    add(t, "Product Added", touch, bought)
    if touch.user is not None and u() < 0.35:
        t = sign_in(life, t, touch)
    t += 5_000 + waits(30_000)
    add(t, "Cart Viewed", touch, {"path": "/basket"})
    ask(life, t, "fills_basket", touch, life.feel(t, "fills_basket"))
    broken = _breaks(person, touch, t)
    pays = u() < (PURCHASE_SHARE - CHECKOUT_BREAKS.size if broken else PURCHASE_SHARE)
    if pays or broken or u() < 0.5:
        t += 5_000 + waits(30_000)
        add(t, "Checkout Started", touch, {"path": "/checkout", **named})
    if pays or broken or u() < 0.2:
        t += 15_000 + waits(40_000)
        add(t, "Payment Info Entered", touch, {"path": "/checkout/payment"})
    t += 6_000 + waits(20_000)
    if pays:
        if u() < 0.5:
            named = {**named, "card_token": chance.pick(person.card_tokens)}
        add(t, "Order Completed", touch, {**order, **named})
        ask(life, t, "pays", touch, life.feel(t, "pays"), bought)
        after_order(life, t, order, touch)
        return
    if broken or u() < 0.15:
        add(t, "Error Shown", touch, {"code": "payment_failed" if broken else "card_declined", "step": "pays"})
    ask(life, t, "pays", touch, life.feel(t, "pays", None, -0.6), bought)
    if tries == 0 and u() < 0.12:
        again = life.later(t, 1 + waits(1.5), "laptop")
        name = "laptop" if "laptop" in person.devices else "phone"
        checkout(life, again, life.where.web(again, name, signed=touch.user is not None), 1)
    elif u() < 0.2:
        call(life, t + HOUR_MS, "payment", order["product_id"])


def _breaks(person: Person, touch: Touch, t: float) -> bool:
    planted = CHECKOUT_BREAKS
    return touch.channel == "app" and person.app_version == planted.slice_value and planted.hits(t)


def _at_till(life: Life, t: float) -> None:
    """Paid in the shop: a card's token, often the loyalty card, a receipt by e-mail with its typing errors."""
    chance, person = life.chance, life.person
    order = _order(life) | {"store": person.store}
    touch, named = greeted(life)
    if touch.cookie is not None:
        touch = life.where.served("store")
    named = {**named, "card_token": chance.pick(person.card_tokens)}
    if person.email is not None and "email" not in named and chance.uniform() < 0.45:
        named["email"] = misspelt(life, person.email) if chance.uniform() < TYPOS else person.email
    life.ledger.add(t, "Order Completed", touch, {**order, **named})
    about = {"store": person.store}
    ask(life, t, "pays", touch, life.feel(t, "pays", None, 0.1), about)
    after_order(life, t, order, touch)


def misspelt(life: Life, email: str) -> str:
    """The address as a hurried hand types it: letters lost or doubled, never another person's."""
    name, _, rest = email.partition(".")
    at = int(life.chance.uniform() * (len(name) - 1))
    wrong = name[:at] + name[at + 1 :] if life.chance.uniform() < 0.6 else name[:at] + name[at] + name[at:]
    return f"{wrong}.{rest}"


def _named(person: Person, touch: Touch, draw: float) -> dict[str, str]:
    """What a guest writes at the checkout."""
    if touch.user is not None or person.email is None:
        return {}
    return {"email": person.email} if draw < 0.8 else {}


def _order(life: Life) -> dict[str, Any]:
    product_id, category, price = life.chance.pick(PRODUCTS)
    quantity = 1 + (life.chance.uniform() < 0.18)
    return {
        "order_id": life.number("O"),
        "revenue": round(price * quantity, 2),
        "currency": "EUR",
        "kind": "order",
        "product_id": product_id,
        "category": category,
        "products": [{"product_id": product_id, "price": price, "quantity": quantity}],
    }
