"""The town's people: who lives with whom, on which devices, under which names, in what mood."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

from ariane.demo.brand import ANDROID_VERSIONS, DAY_MS, DAYS, INTENTS, IOS_VERSIONS, PERSONAS, STORES, Persona
from ariane.demo.chance import HOUSEHOLDS, PERSON, Chance, bounds_of

BLOCK = 12
_SIZES = (1, 1, 1, 2, 2, 2, 3)
_PERSONAS = bounds_of([persona.share for persona in PERSONAS])
_INTENTS = bounds_of((30, 34, 10, 14, 12))
_VERSIONS = bounds_of((16, 68, 16))
_MAILS = ("courrier.example", "boite.example", "post.example", "lettre.example")
_FIRST = (
    "camille", "louise", "jules", "emma", "hugo", "ines", "adam", "lea", "paul", "chloe", "nina", "victor", "sarah",
    "marius", "alice", "omar", "jeanne", "theo", "lina", "oscar", "zoe", "karim", "agathe", "noe", "margot", "ali",
)  # fmt: skip
_LAST = (
    "martin", "bernard", "petit", "durand", "moreau", "laurent", "simon", "michel", "garcia", "david", "roux", "faure",
    "blanc", "girard", "bonnet", "dupont", "lambert", "rousseau", "benali", "nguyen", "smith", "fournier", "leroy",
)  # fmt: skip


class Household:
    """Those who live together, what they share: perhaps a tablet, perhaps a line."""

    __slots__ = ("household_id", "landline", "size", "tablet")

    def __init__(self, number: int, size: int, chance: Chance) -> None:
        self.household_id = f"H{number:07d}"
        self.size = size
        self.tablet = token("tablet", number) if size > 1 and chance.uniform() < 0.55 else None
        self.landline = f"+33199{number:06d}" if chance.uniform() < 0.4 else None


class Device:
    """A machine somebody holds. `keeps_days`: how long its browser keeps a cookie."""

    __slots__ = ("device_id", "keeps_days", "kind", "name", "os", "private", "shared", "tells")

    def __init__(
        self,
        name: str,
        kind: str,
        os: str,
        device_id: str,
        keeps: float,
        private: float,
        tells: bool,
        shared: bool = False,
    ) -> None:
        self.name, self.kind, self.os, self.device_id = name, kind, os, device_id
        self.keeps_days, self.private, self.tells, self.shared = keeps, private, tells, shared


class Person:
    """One inhabitant. Times in ms since the town's first day; `until` is the end of what they do."""

    __slots__ = (
        "activity",
        "app_version",
        "arrived",
        "card_tokens",
        "churned",
        "consent",
        "devices",
        "email",
        "felt",
        "handle",
        "has_app",
        "headset",
        "household",
        "intent",
        "landline",
        "language",
        "loyalty_card",
        "mood",
        "number",
        "objected",
        "passing",
        "persona",
        "phone",
        "second_email",
        "seed",
        "serials",
        "shared",
        "speaker",
        "store",
        "truth_id",
        "until",
        "user_id",
        "wallet",
        "withdrawn",
    )  # fmt: skip

    def __init__(self, seed: int, number: int, household: Household, chance: Chance) -> None:
        u = chance.uniform
        self.seed, self.number, self.household = seed, number, household
        self.truth_id = f"T{number:07d}"
        self.persona: Persona = PERSONAS[chance.weighed(_PERSONAS)]
        self.language = "fr" if u() < 0.7 else "en"
        self.mood = chance.normal()
        self.intent = INTENTS[chance.weighed(_INTENTS)]
        self.activity = 0.25 + chance.waits(0.75) * 0.6 + 0.4 * u()
        self.store = chance.pick(STORES)
        self._when(chance)
        self._names(chance)
        self._machines(chance)
        self._consents(chance)
        self.serials: list[str] = []
        self.felt: list[tuple[int, str, float]] = []
        self.shared: set[tuple[str, str]] = set()
        self.passing: set[str] = set()

    @property
    def is_stranger(self) -> bool:
        """Neither account nor address: the brand never learns who they are."""
        return self.user_id is None and self.email is None

    def _when(self, chance: Chance) -> None:
        """18 % arrive, 18 % leave, each at a day of its own: as many are there on the first day as on the last."""
        end = DAYS * DAY_MS
        self.arrived = int(chance.uniform() * end) if chance.uniform() < 0.18 else -45 * DAY_MS
        leaves = int(chance.uniform() * end) if chance.uniform() < 0.18 else None
        self.churned = leaves if leaves is not None and leaves > max(self.arrived, 0) + 10 * DAY_MS else None
        self.until = self.churned if self.churned is not None else end

    def _names(self, chance: Chance) -> None:
        u, number = chance.uniform, self.number
        name = f"{chance.pick(_FIRST)}.{chance.pick(_LAST)}{number}"
        account = u() < self.persona.account
        self.user_id = f"md-{token('user', number)[:12]}" if account else None
        self.email = f"{name}@{chance.pick(_MAILS)}" if account or u() < 0.7 else None
        self.second_email = f"{name}.pro@{chance.pick(_MAILS)}" if self.email and u() < 0.12 else None
        self.phone = f"+33700{number:06d}" if u() < (0.75 if account else 0.4) else None
        self.landline = self.household.landline if u() < 0.6 else None
        self.loyalty_card = f"MD{10_000_000 + number:08d}" if u() < (0.6 if account else 0.1) else None
        self.card_tokens = [f"tok_{token('card', number, k)[:16]}" for k in range(1 + (u() < 0.35))]
        self.handle = name.replace(".", "_") if u() < 0.3 else None
        self.wallet = f"0x{token('wallet', number)}" if u() < 0.25 else None

    def _machines(self, chance: Chance) -> None:
        u, number = chance.uniform, self.number
        self.devices: dict[str, Device] = {}

        def own(name: str, kind: str, os: str, keeps: float, private: float, tells: bool) -> None:
            self.devices[name] = Device(name, kind, os, token("device", number, name), keeps, private, tells)

        iphone = u() < 0.4
        own("phone", "mobile", "iOS" if iphone else "Android", 7 if iphone else 6, 0.18, not iphone or u() < 0.85)
        safari = u() < 0.35
        if u() < 0.88:
            keeps = 7 if safari else 6
            own("laptop", "desktop", "macOS" if safari else "Windows", keeps, 0.18, not safari or u() < 0.85)
        if self.household.tablet and u() < 0.9:
            tablet = Device("tablet", "tablet", "Android", self.household.tablet, 10, 0.0, True, shared=True)
            self.devices["tablet"] = tablet
        elif u() < 0.45:
            own("tablet", "tablet", "iPadOS", 7, 0.08, True)
        if u() < 0.62:
            own("work", "desktop", "Windows", 6, 0.08, True)
        self.has_app = u() < 0.45 + 0.4 * (self.user_id is not None)
        self.app_version = chance.pick(IOS_VERSIONS) if iphone else ANDROID_VERSIONS[chance.weighed(_VERSIONS)]
        self.headset = token("headset", number) if u() < 0.5 else None
        self.speaker = token("speaker", number) if u() < 0.4 else None

    def _consents(self, chance: Chance) -> None:
        u = chance.uniform
        self.objected = u() < 0.06
        grants = {"personalisation": u() < 0.6, "marketing": u() < 0.5, "cross_device": u() < 0.45}
        self.consent = {"measurement": not self.objected} | {k: v and not self.objected for k, v in grants.items()}
        self.withdrawn: dict[str, int] = {}
        for purpose, share in (("marketing", 0.12), ("personalisation", 0.05)):
            withdraws, at = u() < share, int((0.1 + 0.9 * u()) * DAYS * DAY_MS)
            if withdraws and self.consent[purpose] and self.email is not None and self.arrived < at < self.until:
                self.withdrawn[purpose] = at

    def consents_at(self, t: float) -> dict[str, bool]:
        """What the person allows at an instant, by purpose."""
        return {
            purpose: yes and t < self.withdrawn.get(purpose, self.until + 1) for purpose, yes in self.consent.items()
        }


def person(seed: int, number: int) -> tuple[Person, Chance]:
    """One inhabitant and the stream that goes on with their life. Depends on nothing but the two numbers.

    >>> person(1, 5)[0].email == person(1, 5)[0].email
    True
    """
    chance = Chance(seed, PERSON, number)
    return Person(seed, number, household(seed, number), chance), chance


def household(seed: int, number: int) -> Household:
    """Whose household a person belongs to: every block of 12 persons is 7 households, in an order of its own."""
    return _block(seed, number // BLOCK)[number % BLOCK]


@lru_cache(256)
def _block(seed: int, block: int) -> tuple[Household, ...]:
    chance = Chance(seed, HOUSEHOLDS, block)
    sizes = sorted(_SIZES, key=lambda _: chance.uniform())
    members: list[Household] = []
    for k, size in enumerate(sizes):
        members += [Household(block * len(sizes) + k, size, chance)] * size
    return tuple(members)


def token(*parts: object) -> str:
    """32 hex digits that look like chance and never repeat for other parts.

    >>> len(token("cookie", 1)), token("cookie", 1) == token("cookie", 2)
    (32, False)
    """
    return blake2b(repr(parts).encode(), digest_size=16).hexdigest()
