"""How a browser stops being nobody's: sooner or later most people sign in on it, or follow a link sent to them."""

from __future__ import annotations

from ariane.demo.ledger import Identifier, Row, Touch, witness
from ariane.demo.life import MINUTE_MS, Life

RECOGNISED = 0.992
"""The share of a known person's browsers on which they say who they are before it forgets them."""

REGISTERED = {
    "object_serial": "object_serial", "loyalty_card": "loyalty_card", "social_handle": "social_handle",
    "caller_number": "phone",
}  # fmt: skip
"""What people write into their account, and as which trait. A caller's number is the phone they leave."""

KEPT = 0.9


def recognise(life: Life, end: int) -> None:
    """Let the person say who they are on browsers nothing ties to them yet, just after they were last used there.

    With an account they open it; with an address alone they follow a link from the mailer. Persons with neither, and
    identifiers that several people share, stay as they are.
    """
    person = life.person
    if person.user_id is None and person.email is None:
        return
    rows = life.ledger.within(0, end)
    evidence = witness(rows, person.shared)
    home = _home(life, evidence.components())
    last: dict[str, Row] = {}
    for row in rows:
        if row[4].cookie is not None:
            last[row[4].cookie] = row
    for kind, value, shared, component in evidence.components():
        if kind != "cookie" or shared or component == home or value not in last:
            continue
        if value not in person.passing and life.chance.uniform() < RECOGNISED:
            _say(life, last[value], end)
    _register(life, evidence.components(), home, end)


def _home(life: Life, components: list[tuple[str, str, bool, int]]) -> int | None:
    """The component of what the person is known by."""
    person = life.person
    wanted: list[Identifier] = [("user_id", person.user_id or ""), ("email", person.email or "")]
    numbers = {(kind, value): component for kind, value, _, component in components}
    return next((numbers[one] for one in wanted if one in numbers), None)


def _say(life: Life, row: Row, end: int) -> None:
    person, touch = life.person, row[4]
    at = min(row[0] + (0.2 + life.chance.waits(0.5)) * MINUTE_MS, end - 1)
    signed = Touch(touch.channel, touch.head, cookie=touch.cookie, user=person.user_id, device=touch.device, paged=True)
    named = {} if person.user_id is not None else {"email": str(person.email)}
    life.ledger.add(at, "Account" if person.user_id is not None else "Preferences", signed, named, "page")


def _register(life: Life, components: list[tuple[str, str, bool, int]], home: int | None, end: int) -> None:
    """Most cards, lamps, numbers and handles end up in the account's details."""
    person, chance = life.person, life.chance
    loose = {
        kind: value
        for kind, value, shared, component in components
        if kind in REGISTERED and not shared and component != home and chance.uniform() < KEPT
    }
    if not loose:
        return
    at = max(0, person.arrived) + (0.6 + 0.4 * chance.uniform()) * (end - max(0, person.arrived))
    touch = life.where.web(at, "phone", signed=True)
    named = {REGISTERED[kind]: value for kind, value in loose.items()}
    if person.email is not None:
        named["email"] = person.email
    life.ledger.add(min(at, end - 1), "", touch, named, "identify")
