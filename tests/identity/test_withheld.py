"""Who refuses what evidence is used for is not tied by it, and is again once they say yes."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from ariane import consent, identity
from ariane.errors import InputError
from ariane.identity.rules import Rules, _default_table, read_rules
from ariane.identity.stored import edges
from ariane.identity.surveys import survey
from ariane.identity.threads import words
from ariane.model import Event
from identity.town import SERVICE, Town, event, ident

LINK = {"page": {"url": "https://shop.example/?email=ana@example.org"}}
BOUND = read_rules("[purposes]\nweak = 'measurement'", "t", base=_default_table())


def answer(at: int, given: bool, **who: str) -> Event:
    name = "Consent Given" if given else "Consent Withdrawn"
    return event(at, name=name, properties={"purpose": "measurement"}, **who)


def of(town: Town, name: str) -> str:
    with town.read() as conn:
        return identity.person(conn, SERVICE, name).person_id


def test_a_no_parts_what_a_link_tied_and_a_yes_ties_it_again() -> None:
    town = Town()
    town.absorb(event(1, email="ana@example.org"), event(2, type="page", cookie="c", context=LINK))
    assert of(town, "cookie:c") == of(town, "email:ana@example.org")
    before = town.standing()["identifiers"]
    town.absorb(answer(5, False, cookie="c"))
    assert of(town, "cookie:c") != of(town, "email:ana@example.org")
    with town.read() as conn:
        why = identity.explain(conn, SERVICE, ident("cookie:c"), ident("email:ana@example.org"))
        assert ("carried", "withheld", 1) in [(one.name, one.status, one.n) for one in survey(conn).edges]
        assert conn.execute(sa.select(edges.c.purpose)).scalars().all() == ["measurement"]
    assert "refused what it is used for" in words(why)[0] and "refusé" in words(why, "fr")[0]
    town.absorb(answer(4, True, cookie="c"))
    assert of(town, "cookie:c") != of(town, "email:ana@example.org"), "an older yes, come late"
    town.absorb(answer(6, True, cookie="c"))
    assert of(town, "cookie:c") == of(town, "email:ana@example.org")
    changed = [(was[:8], now[:8]) for was, now in zip(before, town.standing()["identifiers"], strict=True)]
    assert [now[5] for _, now in changed] == [was[5] for was, _ in changed]


def test_what_an_account_refuses_holds_of_what_it_was_met_with() -> None:
    town = Town(BOUND)
    town.absorb(event(1, type="identify", user_id="ana", cookie="c"), event(2, cookie="c", device="d"))
    town.absorb(event(3, cookie="other", device="d"))
    assert of(town, "cookie:other") == of(town, "user_id:ana")
    town.absorb(answer(4, False, user_id="ana"))
    assert of(town, "cookie:c") == of(town, "user_id:ana") != of(town, "device:d"), "a login serves them"
    assert of(town, "cookie:other") == of(town, "device:d"), "who never said no is not concerned"


def test_a_no_held_in_quarantine_counts_before_the_identifier_is_known() -> None:
    town = Town()
    with town.state.begin() as conn:
        recall = answer(1, False, cookie="c")
        changes = identity.absorb(conn, [], None, more=True, held=[recall])
        told = identity.identify(recall)[0].key, False
        consent.absorb(conn, [recall], type(changes)(changes.version, [told], {}, frozenset(), graph=changes.graph))
    town.absorb(event(2, email="ana@example.org"), event(3, type="page", cookie="c", context=LINK))
    assert of(town, "cookie:c") != of(town, "email:ana@example.org")


def test_rules_bind_evidence_to_purposes_there_are() -> None:
    assert Rules.default().purpose_of("weak") == "service" and BOUND.purpose_of("weak") == "measurement"
    for wrong, allowed in (("weak = 'measurment'", "measurement"), ("logins = 'service'", "login")):
        with pytest.raises(InputError, match=r"t:2.*purposes.*" + allowed):
            read_rules(f"[purposes]\n{wrong}", "t", base=_default_table())
