"""Visits: one session in each place, before anything is bought. Each returns when it ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ariane.demo.brand import CAMPAIGNS, CODE_AT_TILL, PRODUCTS, STORES
from ariane.demo.ledger import Touch
from ariane.demo.life import MINUTE_MS, Life
from ariane.demo.people import token
from ariane.demo.surveys import ask

Visit = Callable[[Life, float], float]
PING_PONG = 0.02
"""How many shop visits go back and forth between shop and phone where nothing is planted."""

_SHOWN = tuple({"product_id": product_id, "category": category} for product_id, category, _ in PRODUCTS)


def product(life: Life) -> dict[str, Any]:
    """A product looked at. The same few dicts for everybody: lay others over them, never write into them."""
    return life.chance.pick(_SHOWN)


def browse(life: Life, t: float, name: str, campaign: str | None = None, named: dict[str, str] | None = None) -> float:
    """A web session on one of the person's devices: search, look, compare, try on, now and then fill a basket."""
    u = life.chance.uniform
    device = life.person.devices[name]
    signed = life.person.user_id is not None and named is None and u() < 0.42
    touch = life.where.web(t, name, signed=signed, campaign=campaign)
    add = life.ledger.add
    if named or u() < 0.4:
        add(t, "Home", touch, {"path": "/", **(named or {})}, "page")
    if signed and u() < 0.5:
        t = sign_in(life, t, touch)
    t = look(life, t, touch)
    if u() < 0.012:
        add(t, "Rage Click", touch, {"path": "/compare"})
    if device.kind != "mobile" and u() < 0.05:
        add(t + 9_000, "Delivery Information", touch, {"path": "/help/delivery"}, "page")
    return t


def look(life: Life, t: float, touch: Touch) -> float:
    """What a visit to the site or the app is made of."""
    u, waits, add = life.chance.uniform, life.chance.waits, life.ledger.add
    if u() < 0.45:
        t += 5_000 + waits(30_000)
        add(t, "Products Searched", touch, {"query": life.chance.pick(("lampe", "lamp", "fil", "abat-jour", "hub"))})
        ask(life, t, "searches", touch, life.feel(t, "searches"))
    for _ in range(1 + int(u() * 1.45)):
        t += 8_000 + waits(50_000)
        add(t, "Product Viewed", touch, product(life))
    if u() < 0.3:
        t += 8_000 + waits(60_000)
        add(t, "Product Compared", touch, product(life))
    if u() < 0.5:
        ask(life, t, "compares", touch, life.feel(t, "compares"))
    return t


def sign_in(life: Life, t: float, touch: Touch) -> float:
    """Say who one is: the account's traits."""
    person, u = life.person, life.chance.uniform
    traits: dict[str, str] = {"email": person.email} if person.email else {}
    if person.second_email and u() < 0.3:
        traits["email"] = person.second_email
    if person.phone and u() < 0.6:
        traits["phone"] = person.phone
    if person.loyalty_card and u() < 0.7:
        traits["loyalty_card"] = person.loyalty_card
    if person.handle and u() < 0.4:
        traits["social_handle"] = person.handle
    t += 4_000 + life.chance.waits(15_000)
    life.ledger.add(t, "", touch, traits, "identify")
    return t


def _app(life: Life, t: float) -> float:
    if not life.person.has_app:
        return browse(life, t, "phone")
    touch = life.where.app()
    life.ledger.add(t, "Home", touch, {"path": "/"}, "screen")
    if touch.user is not None and life.chance.uniform() < 0.2:
        t = sign_in(life, t, touch)
    return look(life, t, touch)


def _web(name: str) -> Visit:
    def visit(life: Life, t: float) -> float:
        return browse(life, t, name if name in life.person.devices else "phone")

    return visit


def greeted(life: Life) -> tuple[Touch, dict[str, str]]:
    """How the shop knows who came: a loyalty card, the account, an address left; else only the door's count."""
    person, where, u = life.person, life.where, life.chance.uniform
    if person.loyalty_card is not None and u() < 0.75:
        return where.served("store"), {"loyalty_card": person.loyalty_card}
    if person.user_id is not None and u() < 0.6:
        return where.served("store", known=True), {}
    if person.email is not None and u() < 0.5:
        return where.served("store"), {"email": person.email}
    return where.served("store", anonymous=where.passing("door")), {}


def visit_store(life: Life, t: float) -> float:
    """Into a shop: usually one's own; an adviser; sometimes the kiosk; sometimes till and phone by turns."""
    person, u, add = life.person, life.chance.uniform, life.ledger.add
    store = person.store if u() < 0.8 else life.chance.pick(STORES)
    touch, named = greeted(life)
    about = {"store": store}
    add(t, "Store Visited", touch, {**about, **named})
    advised = u() < 0.55
    if advised:
        t += (3 + life.chance.waits(7)) * MINUTE_MS
        add(t, "Adviser Consulted", touch, {**about, **named})
    if u() < 0.1:
        signed = person.user_id is not None and u() < 0.4
        kiosk = life.where.kiosk(store, signed=signed)
        add(t + MINUTE_MS, "Product Viewed", kiosk, product(life))
        if signed and person.loyalty_card is not None:
            add(t + 1.5 * MINUTE_MS, "", kiosk, {"loyalty_card": person.loyalty_card}, "identify")
    planted = store == CODE_AT_TILL.slice_value and CODE_AT_TILL.hits(t)
    hurt = u() < PING_PONG + (CODE_AT_TILL.size if planted else 0.0)
    if hurt:
        t = _to_and_fro(life, t, touch, {**about, **named})
    ask(life, t, "visits_store", touch, life.feel(t, "visits_store", about, -0.8 if hurt else 0.0), about)
    return t


def _to_and_fro(life: Life, t: float, touch: Touch, about: dict[str, Any]) -> float:
    """The product's page shows a code, the till refuses it: back and forth."""
    phone = life.where.app() if life.person.has_app else life.where.web(t, "phone", signed=True)
    if phone.user is None and touch.cookie is not None:
        touch = Touch(touch.channel, touch.head, cookie=phone.cookie)
    shown = product(life)
    for _ in range(2 + int(life.chance.uniform() * 2)):
        t += (1 + life.chance.waits(2)) * MINUTE_MS
        life.ledger.add(t, "Product Viewed", phone, shown)
        t += (1 + life.chance.waits(2)) * MINUTE_MS
        life.ledger.add(t, "Store Visited", touch, about)
    return t


def _assistant(channel: str) -> Visit:
    def visit(life: Life, t: float) -> float:
        person = life.person
        if channel == "chatbot":
            at = life.where.web(t, "phone", signed=life.chance.uniform() < 0.3)
            touch = at.said_to_be(channel)
            name = "Chat Turn"
        elif person.speaker is None:
            return browse(life, t, "phone")
        else:
            touch, name = life.where.machine(channel, "speaker", person.speaker), "Assistant Asked"
        reason = life.chance.pick(("product", "delivery", "price", "light"))
        for _ in range(1 + int(life.chance.uniform() * 3)):
            t += 6_000 + life.chance.waits(20_000)
            life.ledger.add(t, name, touch, {"reason": reason})
        ask(life, t, "asks_assistant", touch, life.feel(t, "asks_assistant"))
        return t

    return visit


def _try_on(life: Life, t: float) -> float:
    person = life.person
    if person.headset is None:
        return browse(life, t, "phone")
    touch = life.where.machine("immersive", "headset", person.headset)
    shown = product(life)
    life.ledger.add(t, "Try-On Started", touch, shown)
    t += (1 + life.chance.waits(3)) * MINUTE_MS
    if life.chance.uniform() < 0.8:
        life.ledger.add(t, "Try-On Completed", touch, shown)
    ask(life, t, "tries_on", touch, life.feel(t, "tries_on"))
    return t


def _virtual_shop(life: Life, t: float) -> float:
    person = life.person
    if person.wallet is None:
        return browse(life, t, "phone")
    touch = life.where.machine("virtual_world", "desktop", token("world", person.number))
    life.ledger.add(t, "Virtual Shop Entered", touch, {"wallet": person.wallet})
    t += (2 + life.chance.waits(5)) * MINUTE_MS
    if life.chance.uniform() < 0.25:
        item = {"wallet": person.wallet, "product_id": "fil-arc-virtual", "revenue": 4.0, "currency": "EUR"}
        life.ledger.add(t, "Virtual Item Bought", touch, item)
    ask(life, t, "tries_on", touch, life.feel(t, "tries_on"))
    return t


def _social(life: Life, t: float) -> float:
    """The brand's page inside a network, then its site in the network's own browser."""
    touch = life.where.in_app_browser(t, "social", life.chance.pick(CAMPAIGNS), signed=life.chance.uniform() < 0.4)
    person = life.person
    if person.handle is not None and life.chance.uniform() < 0.4:
        message = {"reason": "product", "social_handle": person.handle}
        life.ledger.add(t, "Message Sent", life.where.served("social"), message)
    return look(life, t, touch)


VISITS: dict[str, tuple[str, Visit]] = {
    "phone": ("phone", _web("phone")),
    "laptop": ("laptop", _web("laptop")),
    "tablet": ("tablet", _web("tablet")),
    "app": ("phone", _app),
    "store": ("store", visit_store),
    "chatbot": ("phone", _assistant("chatbot")),
    "voice_assistant": ("tablet", _assistant("voice_assistant")),
    "immersive": ("tablet", _try_on),
    "virtual_world": ("tablet", _virtual_shop),
    "social": ("phone", _social),
}
"""By place: the hours it keeps, and the visit."""
