"""The state every episode of a person's life works on, and how they feel about it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ariane.demo.brand import DAY_MS, DELIGHTS, FEELINGS, MOMENTS
from ariane.demo.chance import Chance
from ariane.demo.ledger import Ledger, Touch
from ariane.demo.people import Person
from ariane.demo.whereabouts import Whereabouts

MINUTE_MS = 60_000
HOUR_MS = 3_600_000


class Life:
    """One person, their chance, their places and what they leave behind."""

    __slots__ = ("_count", "_origin", "chance", "ledger", "person", "where")

    def __init__(self, person: Person, chance: Chance, origin: datetime) -> None:
        self.person, self.chance, self._origin = person, chance, origin
        self.where = Whereabouts(person, chance)
        self.ledger = Ledger()
        self._count = 0

    def number(self, what: str) -> str:
        """The next order's, call's… number: readable and never given twice in a town."""
        self._count += 1
        return f"{what}{self.person.number:07d}-{self._count:03d}"

    def instant(self, t: float) -> str:
        """An instant of the town's clock as ISO 8601."""
        return (self._origin + timedelta(milliseconds=int(t))).isoformat(timespec="milliseconds") + "Z"

    def known(self) -> dict[str, str]:
        """What a mailer or a carrier writes on the label: an address, else a number."""
        person = self.person
        if person.email is not None:
            return {"email": person.email}
        return {"phone": person.phone} if person.phone is not None else {}

    def mailed(self, channel: str = "email") -> Touch:
        return self.where.served(channel, known=True)

    def later(self, t: float, days: float, hours: str) -> int:
        """An instant about so many days later, at an hour that suits, never before `t`."""
        then = t + days * DAY_MS
        at = self.chance.hour(hours, int(then // DAY_MS))
        return at if at > t else int(then)

    def feel(self, t: float, step: str, properties: dict[str, Any] | None = None, more: float = 0.0) -> float:
        """What the person feels at a step, −2…+2 before rounding: the step's mean, their mood, what was planted, and
        chance. What weighs on the relational answer is remembered."""
        e = FEELINGS[step] + 0.4 * self.person.mood + 0.6 * self.chance.normal() + more
        if properties:
            for delighted, name, value, size in DELIGHTS:
                if delighted == step and properties.get(name.removeprefix("prop_")) == value:
                    e += size
        if step in MOMENTS:
            self.person.felt.append((int(t), step, e - FEELINGS[step]))
        return e
