"""What a page's address says of somebody: it ties the unknown, never joins two known people, and is nobody's event."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ariane import identity
from ariane.errors import InputError
from ariane.identity.identifying import subject_key
from ariane.identity.rules import Rules, _default_table, read_rules
from ariane.identity.solving import Edge, Known, solve
from ariane.identity.steering import resolve_all
from ariane.identity.stored import edges, identifiers
from ariane.model import Event
from ariane.processes.seeking import Seeker
from identity.town import SERVICE, Town, event, ident

DEFAULT = _default_table()
RULES = Rules.default()
ANA = "user_id:ana"


def followed(at: int, query: str, **named: Any) -> Event:
    """A page opened by a link."""
    return event(at, type="page", context={"page": {"url": f"https://shop.example/news?{query}#top"}}, **named)


def solved(*events: Event, rules: Rules | None = None) -> Town:
    town = Town(rules)
    town.absorb(*events)
    with town.state.begin() as conn:
        resolve_all(conn, rules)
    return town


def test_a_link_ties_a_browser_nobody_signed_in_on() -> None:
    town = solved(
        event(1, type="identify", user_id="ana", email="ana@x.org"), followed(2, "email=Ana%40x.org", cookie="c")
    )
    assert town.together(ANA, "cookie:c", "email:ana@x.org")
    assert {row[3]: row[7] for row in town.rows(edges)} == {"login": 1.0, "carried": 0.3}
    with town.read() as conn:
        why = identity.explain(conn, SERVICE, ident("cookie:c"), ident(ANA))
    assert [tie.rule for tie in why.path] == ["carried", "login"]


def test_a_forwarded_link_joins_no_two_known_people_and_is_the_friends_own_event() -> None:
    forwarded = followed(3, "utm_source=news&email=ana@x.org&uid=ana", cookie="b")
    town = solved(
        event(1, type="identify", user_id="ana", email="ana@x.org", cookie="a"),
        event(2, type="identify", user_id="ben", cookie="b"), forwarded,
    )  # fmt: skip
    assert town.groups() == {
        frozenset({ANA, "email:ana@x.org", "cookie:a"}), frozenset({"user_id:ben", "cookie:b"}),
    }  # fmt: skip
    assert subject_key(forwarded) == ident("cookie:b").key
    assert {row[0]: row[8] for row in town.rows(identifiers)}[ident(ANA).key] == 1
    with town.read() as conn:
        why = identity.explain(conn, SERVICE, ident("cookie:b"), ident(ANA))
    assert why.because == "link"


def test_who_signs_in_afterwards_takes_the_browser_along() -> None:
    events = [
        event(1, type="identify", user_id="ana", email="ana@x.org"), followed(2, "email=ana@x.org", cookie="c"),
        event(9, type="identify", user_id="ben", cookie="c"),
    ]  # fmt: skip
    assert solved(*events[:2]).together(ANA, "cookie:c")
    town = solved(*events)
    assert town.together("user_id:ben", "cookie:c") and not town.together("user_id:ben", ANA)


def test_of_two_links_the_older_ties() -> None:
    known = [event(n, type="identify", user_id=name, email=f"{name}@x.org") for n, name in enumerate(["ana", "ben"])]
    links = [followed(20, "email=ana@x.org", cookie="c"), followed(10, "email=ben@x.org", cookie="c")]
    assert solved(*known, *links).together("user_id:ben", "cookie:c")


def test_links_make_nobody_shared() -> None:
    """Otherwise a letter with two links would take everybody's browser from them."""
    links = [followed(n, f"uid=stranger{n}", cookie="c") for n in range(2, 5)]
    town = solved(event(1, type="identify", user_id="ana", cookie="c"), *links)
    assert town.together(ANA, "cookie:c") and len(town.groups()) == 4


def test_a_link_that_went_round_ties_nobody() -> None:
    own = event(1, type="identify", user_id="ana", email="ana@x.org", cookie="own")
    clicks = [followed(n + 2, "email=ana@x.org", cookie=f"c{n}") for n in range(11)]
    assert len(solved(own, *clicks[:10]).groups()) == 1
    assert frozenset({ANA, "email:ana@x.org", "cookie:own"}) in solved(own, *clicks).groups()
    wider = read_rules("[carried]\npassed_on_after = 11", "t", DEFAULT)
    assert len(solved(own, *clicks, rules=wider).groups()) == 1


def test_an_address_alone_is_nobody_and_erasing_finds_what_it_names() -> None:
    assert solved(followed(1, "email=ana@x.org")).groups() == set()
    seeker = Seeker({ident("email:ana@x.org").key}, RULES)
    assert seeker.concerns(followed(1, "email=ana@x.org", cookie="b"))
    assert not seeker.concerns(followed(1, "email=ben@x.org", cookie="b"))
    record = (
        b'{"source":"web","messageId":"m","type":"%s","receivedUs":1,"anonymousId":"c","properties":'
        b'{"url":"https://x.org/?mail=ana@x.org"}}'
    )
    assert seeker.in_record(record % b"page") is not None and seeker.in_record(record % b"track") is None


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ({"search": "?EMAIL=ana%40x.org"}, {"email:ana@x.org"}),
        ({"url": "https://x.org/#/shop?ajs_uid=7&ajs_aid=c-9"}, {"user_id:7", "cookie:c-9"}),
        ({"url": "https://x.org/?email=not+an+address&uid=null&q=1"}, set()),
        ({"url": "https://[x.org/?uid=7"}, {"user_id:7"}),
        ({"url": 7, "search": ["?uid=7"]}, set()),
        ("?uid=7", set()),
    ],
)  # fmt: skip
def test_where_an_address_may_name_somebody(page: Any, found: set[str]) -> None:
    rows = solved(event(1, cookie="c", context={"page": page})).rows(identifiers)
    assert {f"{row[1]}:{row[2]}" for row in rows} - {"cookie:c"} == found


def test_the_rules_say_which_parameters_count() -> None:
    other = read_rules('[carried.parameters]\nuid = ""\nmember = "loyalty_card"', "t", DEFAULT)
    town = solved(followed(1, "uid=7&member=F%2042", cookie="c"), rules=other)
    assert town.groups() == {frozenset({"cookie:c", "loyalty_card:F42"})}
    with pytest.raises(InputError, match=r"t:2: carried\.parameters\.fax: 'fax' is not a kind"):
        read_rules('[carried.parameters]\nfax = "fax"', "t", DEFAULT)


@st.composite
def evidence(draw: st.DrawFn) -> tuple[list[Known], list[Edge]]:
    kinds = draw(st.lists(st.sampled_from(["user_id", "email", "cookie", "cookie"]), min_size=2, max_size=9))
    known = [Known(100 * n, kind, draw(st.integers(0, 9))) for n, kind in enumerate(kinds)]
    ends = st.tuples(st.integers(0, len(kinds) - 1), st.integers(0, len(kinds) - 1)).filter(lambda ab: ab[0] < ab[1])
    rules = st.sampled_from(["login", "observed", "weak", "linked", "carried", "carried", "suggested"])
    drawn = draw(st.lists(st.tuples(ends, rules, st.integers(0, 9)), max_size=16, unique_by=lambda one: one[:2]))
    return known, [Edge(100 * a, 100 * b, rule, at) for (a, b), rule, at in drawn]


@settings(max_examples=60, deadline=None)
@given(evidence(), st.randoms(use_true_random=False))
def test_no_link_ever_joins_two_known_people(given, random) -> None:
    known, found = given
    persons = solve(known, found, [], RULES)
    shuffled, mixed = random.sample(known, len(known)), random.sample(found, len(found))
    assert solve(shuffled, mixed, [], RULES) == persons
    kinds = {one.key: one.kind for one in known}
    without = solve(known, [edge for edge in found if edge.rule not in ("carried", "suggested")], [], RULES)
    apart = {key: person.keys for person in without for key in person.keys}
    for person in persons:
        known_people = {apart[key] for key in person.keys if RULES.is_strong(kinds[key])}
        assert len(known_people) <= 1
