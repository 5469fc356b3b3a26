"""Limits and sharing within a window: what counts is when things were seen, never in which order they came."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ariane.errors import InputError
from ariane.identity.rules import _default_table, read_rules
from ariane.identity.solving import Edge, Known, solve
from ariane.identity.windows import most_at_once, most_within
from ariane.model import DAY
from identity.town import Town, event

DEFAULT = _default_table()
WINDOWED = read_rules(
    "[kinds.email]\nlimit = 2\nwithin_days = 10\n[kinds.device]\nshared_after = 3\nshared_within_days = 5", "t", DEFAULT
)
DAYS = st.integers(0, 30)


@settings(max_examples=60, deadline=None)
@given(st.lists(DAYS, max_size=12), st.integers(1, 9))
def test_the_most_within_days_is_what_looking_at_every_stretch_finds(days, width) -> None:
    expected = max((sum(start <= day <= start + width for day in days) for start in days), default=0)
    assert most_within([day * DAY for day in days], width) == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(DAYS, DAYS).map(sorted), max_size=9), st.integers(1, 9))
def test_the_most_at_once_is_what_looking_at_every_stretch_finds(spans, width) -> None:
    starts = range(-width, 31)
    expected = max(sum(first <= start + width and last >= start for first, last in spans) for start in starts)
    assert most_at_once([(first * DAY, last * DAY) for first, last in spans], width) == expected


@st.composite
def evidence(draw: st.DrawFn) -> tuple[list[Known], list[Edge]]:
    kinds = draw(st.lists(st.sampled_from(["user_id", "email", "email", "device", "cookie"]), min_size=2, max_size=10))
    known = [Known(100 * key, kind, draw(DAYS) * DAY) for key, kind in enumerate(kinds)]
    pairs = st.tuples(st.integers(0, len(kinds) - 1), st.integers(0, len(kinds) - 1)).filter(lambda ab: ab[0] < ab[1])
    rule = st.sampled_from(["login", "observed", "weak"])
    drawn = draw(st.lists(st.tuples(pairs, rule, DAYS, DAYS), max_size=16, unique_by=lambda one: one[:2]))
    return known, [Edge(100 * a, 100 * b, how, min(x, y) * DAY, max(x, y) * DAY) for (a, b), how, x, y in drawn]


@settings(max_examples=60, deadline=None)
@given(evidence(), st.randoms(use_true_random=False))
def test_windows_give_the_same_persons_in_any_order_and_none_breaks_them(given, random) -> None:
    known, edges = given
    persons = solve(known, edges, [], WINDOWED)
    random.shuffle(known)
    random.shuffle(edges)
    assert solve(known, edges, [], WINDOWED) == persons
    by_key = {one.key: one for one in known}
    for person in persons:
        held = [by_key[key] for key in person.keys]
        assert most_within([one.first_us for one in held if one.kind == "email"], 10) <= 2
        assert sum(one.kind == "user_id" for one in held) <= 1


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), DAYS, st.booleans()), max_size=10, unique=True), st.randoms())
def test_online_a_windowed_limit_holds_whatever_the_order(seen, random) -> None:
    events = [
        event(day * 86_400 + n, type="identify" if login else "track", user_id="ana", email=f"e{n}@x.org")
        for n, day, login in seen
    ]
    at_once = Town(WINDOWED)
    at_once.absorb(*events)
    random.shuffle(events)
    assert Town(WINDOWED).absorb_in([[one] for one in events]).standing() == at_once.standing()


def test_addresses_a_year_apart_are_one_persons_and_many_in_a_week_are_not() -> None:
    town = Town(WINDOWED)
    town.absorb(*[event(n * 20 * 86_400 + 1, type="identify", user_id="ana", email=f"e{n}@x.org") for n in range(5)])
    assert len(town.groups()) == 1
    town.absorb(*[event(n + 5, type="identify", user_id="ben", email=f"b{n}@x.org") for n in range(3)])
    assert len(town.groups()) == 3


def test_a_device_passed_on_twice_a_year_is_not_shared_and_one_of_three_in_a_week_is() -> None:
    known = [Known(0, "device", 0), *[Known(n, "user_id", 0) for n in (1, 2, 3)]]
    apart = [Edge(0, n, "observed", n * 100 * DAY, n * 100 * DAY + DAY) for n in (1, 2, 3)]
    week = [Edge(0, n, "observed", n * DAY) for n in (1, 2, 3)]
    back = [Edge(0, 1, "observed", DAY, 300 * DAY), *apart[1:]]  # the first one used it all along
    rules = read_rules("[kinds.device]\nshared_after = 3\nshared_within_days = 90", "t", DEFAULT)
    alone = [[0] in [list(one.keys) for one in solve(known, edges, [], rules)] for edges in (apart, week, back)]
    assert alone == [False, True, False]
    two = read_rules("[kinds.device]\nshared_after = 2\nshared_within_days = 90", "t", DEFAULT)
    assert [0] in [list(one.keys) for one in solve(known, back, [], two)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[kinds.cookie]\nwithin_days = 9", r"t:2: kinds\.cookie\.within_days: there is no limit"),
        ("[kinds.user_id]\nwithin_days = 9", r"limit above 1.*Allowed: with a limit of 2 or more"),
        ("[kinds.email]\nwithin_days = 0", r"t:2: .*0 is out of range.*1 to 36500 days"),
        ("[kinds.user_id]\nshared_within_days = 9", r"no shared_after"),
        ("[kinds.device]\nshared_within_days = 0", r"out of range"),
    ],
)
def test_a_window_without_its_number_is_refused(text, says) -> None:
    with pytest.raises(InputError, match=says):
        read_rules(text, "t", base=DEFAULT)
