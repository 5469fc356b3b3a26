"""Online, links and windows give what solving the whole history gives, in any order and any batching."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ariane.identity.rules import Rules, _default_table, read_rules
from ariane.identity.steering import resolve_all, restore_event, retract_event
from ariane.identity.stored import rulings
from ariane.model import Event
from identity.test_any_order import cut
from identity.test_recalled import Recalling
from identity.town import Town, command, event, ident

RULES = read_rules(
    "[kinds.email]\nlimit = 2\nwithin_days = 9\n[kinds.device]\nshared_after = 2\nshared_within_days = 5\n"
    "[carried]\npassed_on_after = 2",
    "t",
    _default_table(),
)
NAMES = [
    *[f"user_id:u{n}" for n in range(3)],
    *[f"email:e{n}@x.org" for n in range(3)],
    *[f"cookie:c{n}" for n in range(4)],
]


@st.composite
def seen(draw: st.DrawFn) -> Event:
    named = {}
    if draw(st.integers(0, 3)) == 0:
        named["user_id"] = f"u{draw(st.integers(0, 2))}"
    if draw(st.integers(0, 3)) == 0:
        named["email"] = f"e{draw(st.integers(0, 2))}@x.org"
    if draw(st.booleans()):
        named["cookie"] = f"c{draw(st.integers(0, 3))}"
    if draw(st.integers(0, 3)) == 0:
        named["device"] = f"d{draw(st.integers(0, 1))}"
    said = draw(st.sampled_from(["", "uid=u0", "uid=u1", "email=e0@x.org", "email=e1@x.org", "ajs_aid=c0", "uid=new"]))
    context = {"page": {"url": f"https://x.org/?{said}"}} if said else {}
    kind = draw(st.sampled_from(["track", "track", "identify"]))
    return event(draw(st.integers(1, 30)) * 86_400, type=kind, context=context, **named)


@st.composite
def decided(draw: st.DrawFn) -> Event:
    a, b = draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=2, unique=True))
    make = draw(st.sampled_from([retract_event, retract_event, restore_event]))
    return command(draw(st.integers(1, 60)), make(ident(a), ident(b), actor="nina", at="2026-01-01T00:00:00Z"))


HISTORY = st.lists(st.one_of(seen(), seen(), seen(), decided()), max_size=20, unique_by=lambda one: one.event_id)


@settings(max_examples=30, deadline=None)
@given(HISTORY, st.randoms(use_true_random=False), st.lists(st.integers(1, 6), max_size=20), st.booleans())
def test_links_and_windows_in_any_order(history, random, sizes, own_rules) -> None:
    rules = RULES if own_rules else None
    at_once = Town(rules)
    at_once.absorb(*history)
    shuffled = random.sample(history, len(history))
    online = Recalling(rules, 200_000)
    for batch in cut(shuffled, sizes):
        online.recall(*batch)
    assert online.standing() == at_once.standing()
    assert online.rows(rulings) == at_once.rows(rulings)
    with online.state.begin() as conn:
        changes = resolve_all(conn, rules)
    assert not changes.changed and not changes.gone
    assert online.standing() == at_once.standing()


def page(at: int, said: str, **named: str) -> Event:
    return event(at, type="page", context={"page": {"url": f"https://x.org/?{said}"}}, **named)


def recalled(*batches: Event, rules: Rules | None = None) -> Town:
    """Absorbed one by one, recalling, and equal to what absorbing at once and resolving gives."""
    at_once, town = Town(rules), Recalling(rules, 200_000)
    at_once.absorb(*batches)
    for one in batches:
        town.recall(one)
    assert town.standing() == at_once.standing()
    with town.state.begin() as conn:
        resolve_all(conn, rules)
    assert town.standing() == at_once.standing()
    return town


def test_a_link_followed_by_a_person_recalled_joins_nobody_new() -> None:
    town = recalled(event(1, type="identify", user_id="ana", cookie="c"), page(2, "email=ben@x.org", cookie="c"))
    assert len(town.groups()) == 2


def test_a_login_on_a_recalled_browser_takes_it_from_the_link() -> None:
    town = recalled(page(1, "email=ben@x.org", cookie="c"), event(2, type="identify", user_id="ana", cookie="c"))
    assert town.together("user_id:ana", "cookie:c") and len(town.groups()) == 2


def test_a_link_retracted_gives_the_others_their_power_back() -> None:
    clicks = [page(n + 1, "email=ana@x.org", cookie=f"c{n}") for n in range(3)]
    back = retract_event(ident("email:ana@x.org"), ident("cookie:c0"), actor="nina", at="2026-01-01T00:00:00Z")
    town = recalled(*clicks, command(9, back), rules=RULES)
    assert town.together("cookie:c1", "cookie:c2") and len(town.groups()) == 2


def test_a_tablet_used_on_and_on_becomes_shared_once_both_used_it_in_one_week() -> None:
    day = 86_400
    first, second = event(day, device="d", user_id="u1"), event(20 * day, device="d", user_id="u2")
    assert not recalled(first, second, rules=RULES).together("device:d", "user_id:u2")
    assert frozenset({"device:d"}) not in recalled(first, second, rules=RULES).groups()
    again = event(18 * day, device="d", user_id="u1")
    assert frozenset({"device:d"}) in recalled(first, second, again, rules=RULES).groups()
