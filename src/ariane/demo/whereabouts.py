"""Where a person meets the brand: each place's context, and the cookie, device and account it speaks under."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from ariane.demo.brand import DAY_MS
from ariane.demo.chance import Chance
from ariane.demo.ledger import Touch
from ariane.demo.people import Device, Person, token

_json = msgspec.json.Encoder().encode
_SAFARI = "AppleWebKit/605.1.15 Version/18.5 Mobile/15E148 Safari/604.1"
_AGENTS = {
    "iOS": f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {_SAFARI}",
    "iPadOS": f"Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) {_SAFARI}",
    "Android": "Mozilla/5.0 (Linux; Android 15; K) AppleWebKit/537.36 Chrome/141.0.0.0 Mobile Safari/537.36",
    "macOS": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.5 Safari/605.1.15",
    "Windows": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/141.0.0.0 Safari/537.36",
}
BROWSERS = 7
"""On each machine: the one preferred, the one links open in, those inside other applications; each with its cookie."""


class Whereabouts:
    """One person's places. Every method returns a `Touch` to record events under."""

    __slots__ = ("_chance", "_cookies", "_heads", "_person", "_user")

    def __init__(self, person: Person, chance: Chance) -> None:
        self._person, self._chance = person, chance
        self._heads: dict[object, bytes] = {}
        self._cookies: dict[tuple[str, str, int], str] = {}
        self._user = person.user_id

    def web(self, t: float, name: str, *, signed: bool = False, campaign: str | None = None) -> Touch:
        """A browser. Signed in only with an account; a shared tablet says whose it is only then."""
        person, chance = self._person, self._chance
        device = person.devices[name]
        private = chance.uniform() < device.private
        cookie = self._cookie(device, t, private)
        user = self._user if signed else None
        told = user is not None or (device.tells and not private)
        if device.shared:
            person.shared |= {("device", device.device_id), ("cookie", cookie)}
        key = (name, told, campaign)
        head = self._heads.get(key)
        if head is None:
            described = {"id": device.device_id, "type": device.kind} if told else {"type": device.kind}
            head = self._heads[key] = _head(
                "web",
                "analytics.js",
                device=described,
                os={"name": device.os},
                userAgent=_AGENTS[device.os],
                locale="fr-FR" if person.language == "fr" else "en-GB",
                campaign=_campaign(campaign),
                page=None,
            )
        asks = not device.shared and int(cookie[:2], 16) < 215
        return Touch(
            "web", head, cookie=cookie, user=user, device=device.device_id if told else None, paged=True, asks=asks
        )

    def _cookie(self, device: Device, t: float, private: bool) -> str:
        """A stranger keeps the one browser they have. Others have several a machine: Safari forgets after seven days,
        others are cleared, a private window at once."""
        if self._person.is_stranger:
            return self._lasting("cookie", device.device_id, 0)
        if private:
            return _uuid(token("private", self._person.number, device.name, self._chance.uniform()))
        keeps = device.keeps_days * DAY_MS
        epoch = int((t + int(device.device_id[:4], 16) / 65_536 * keeps) // keeps)
        browser = 0 if device.shared else int(self._chance.uniform() * BROWSERS)
        return self._lasting("cookie", device.device_id, BROWSERS * epoch + browser)

    def _lasting(self, what: str, where: str, epoch: int) -> str:
        """A cookie met again throughout an epoch."""
        key = (what, where, epoch)
        cookie = self._cookies.get(key)
        if cookie is None:
            owner = "" if what == "cookie" else self._person.number
            cookie = self._cookies[key] = _uuid(token(what, owner, where, epoch))
        return cookie

    def app(self) -> Touch:
        person = self._person
        phone = person.devices["phone"]
        signed = self._user is not None and self._chance.uniform() < 0.9
        head = self._heads.get("app")
        if head is None:
            head = self._heads["app"] = _head(
                "app",
                "analytics-ios" if phone.os == "iOS" else "analytics-android",
                device={"id": phone.device_id, "type": "mobile"},
                os={"name": phone.os},
                app={"name": "Maison Dédale", "version": person.app_version},
            )
        return Touch(
            "app",
            head,
            cookie=_uuid(token("app", person.number)),
            user=self._user if signed else None,
            device=phone.device_id,
            paged=True,
            asks=True,
        )

    def in_app_browser(self, t: float, channel: str, campaign: str | None = None, *, signed: bool = False) -> Touch:
        """The browser inside a social network, or a partner's page: a cookie jar of its own, no device."""
        epoch = 0 if self._person.is_stranger else int(t // (60 * DAY_MS))
        cookie = self._lasting("in-app", channel, epoch)
        return Touch(channel, _in_app(channel, campaign), cookie=cookie, user=self._user if signed else None)

    def machine(self, channel: str, kind: str, device_id: str) -> Touch:
        """A headset, a speaker: a device of one's own that keeps its name; signed in when there is an account."""
        head = self._heads.get(channel)
        if head is None:
            head = self._heads[channel] = _head(channel, "analytics-python", device={"id": device_id, "type": kind})
        user = self._user if self._chance.uniform() < 0.6 else None
        return Touch(channel, head, cookie=_uuid(token(channel, device_id)), user=user, device=device_id)

    def served(self, channel: str, *, known: bool = False, anonymous: str | None = None) -> Touch:
        """Told by the brand's or a partner's own systems: till, call centre, mailer, carrier, lamp. `known`: the system
        knows the account. `anonymous`: names the visit where nothing else does."""
        return Touch(channel, HEADS[channel], user=self._user if known else None, cookie=anonymous)

    def kiosk(self, store: str, *, signed: bool) -> Touch:
        """The store's own screen: everybody's, one cookie for ever."""
        device, cookie = f"kiosk-{store.lower()}-1", f"kiosk-{store.lower()}-browser"
        self._person.shared |= {("device", device), ("cookie", cookie)}
        head = HEADS["store"] + b',"device":{"id":"%b","type":"kiosk"}' % device.encode()
        return Touch("store", head, cookie=cookie, user=self._user if signed else None, device=device)

    def passing(self, what: str) -> str:
        """A name for one visit that nobody else has: it names the visit, nobody's browser, so no truth lists it."""
        name = _uuid(token(what, self._person.number, self._chance.uniform()))
        self._person.passing.add(name)
        return name


def consent_of(person: Person) -> Callable[[int], bytes]:
    """What a banner is told at an instant, as the tail of a context's JSON."""
    always = b',"consent":{"categoryPreferences":%b}' % _json(person.consent)
    if not person.withdrawn:
        return lambda _: always
    return lambda t: b',"consent":{"categoryPreferences":%b}' % _json(person.consents_at(t))


def _head(channel: str, library: str, **parts: Any) -> bytes:
    context = {"channel": channel, "library": {"name": library, "version": "4.1.0"}}
    return _json(context | {key: part for key, part in parts.items() if part})[:-1]


def _campaign(name: str | None, source: str = "email") -> dict[str, str] | None:
    return {"name": name, "source": source, "medium": "email" if source == "email" else "paid"} if name else None


def _uuid(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


@lru_cache(64)
def _in_app(channel: str, campaign: str | None) -> bytes:
    return _head(channel, "analytics.js", device={"type": "mobile"}, campaign=_campaign(campaign, channel))


def crawler(number: int) -> Touch:
    """A machine that reads the whole catalogue."""
    agents = ("Mozilla/5.0 (compatible; LumenBot/2.1; +https://lumen.example/bot)", "PriceSpider/1.4 (crawler)")
    return Touch(
        "web",
        _head("web", "analytics.js", userAgent=agents[number % 2]),
        cookie=_uuid(token("bot", number)),
        paged=True,
    )


_LIBRARIES = {
    "store": "till", "call_centre": "switchboard", "email": "mailer", "sms": "mailer", "partner": "carrier",
    "object": "firmware", "chatbot": "assistant", "word_of_mouth": "referral", "social": "listening",
}  # fmt: skip
HEADS = {channel: _head(channel, library) for channel, library in _LIBRARIES.items()}
