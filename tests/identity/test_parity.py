"""The scenes by which others test or explain their identity resolution, told again in our words: what they make of
each, what we make of it, and why where it differs. Every scene is played forwards, backwards and an event at a time:
with us that changes nothing, with most of them it does."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from ariane.identity.rules import Rules, _default_table, read_rules
from ariane.identity.steering import merge_event, retract_event
from ariane.identity.stored import identifiers, persons
from ariane.model import Event
from identity.town import Town, command, event, ident, town

DAY = 86_400


class Scene(NamedTuple):
    """`ours` are the persons, each as its identifiers; `theirs` what the other product answers, "same" when as we do,
    and then why ours is better."""

    of: str
    name: str
    story: tuple[Event, ...]
    ours: str
    theirs: str
    why: str = ""
    rules: str = ""


def login(at: int, user: str, **named: str) -> Event:
    return event(at, type="identify", user_id=user, **named)


def seen(at: int, **named: str) -> Event:
    return event(at, **named)


SCENES = [
    # PostHog: $identify, $create_alias and $merge_dangerously between distinct ids, one of which may be "identified".
    Scene(
        "posthog",
        "anonymous, then identified",
        (seen(1, cookie="a"), login(2, "ana", cookie="a")),
        "user_id:ana cookie:a",
        "same",
    ),
    Scene(
        "posthog",
        "two browsers, one account",
        (login(1, "ana", cookie="a"), login(2, "ana", cookie="b")),
        "user_id:ana cookie:a cookie:b",
        "same",
    ),
    Scene(
        "posthog",
        "neither was ever seen before the call",
        (login(1, "ana", cookie="a"),),
        "user_id:ana cookie:a",
        "same",
    ),
    Scene(
        "posthog",
        "identified as itself",
        (seen(1, cookie="a"), login(2, "ana"), login(3, "ana")),
        "user_id:ana | cookie:a",
        "same",
    ),
    Scene(
        "posthog",
        "an alias ties two ids",
        (event(1, type="alias", user_id="ana", previousId="old"),),
        "user_id:ana cookie:old",
        "same",
    ),
    Scene(
        "posthog",
        "ids that stand for nobody",
        (login(1, "null", cookie="a"), login(2, "undefined", cookie="b")),
        "cookie:a | cookie:b",
        "same",
    ),
    Scene(
        "posthog",
        "a browser identified already, then as somebody else",
        (login(1, "ana", cookie="a"), login(2, "ben", cookie="a")),
        "user_id:ana | user_id:ben | cookie:a",
        "ana keeps the browser, and what ben does unnamed is hers",
        "who came first is chance; what nobody signed is nobody's",
    ),
    Scene(
        "posthog",
        "two identified ones merged dangerously",
        (
            login(1, "ana"),
            login(2, "ben"),
            command(3, merge_event(ident("user_id:ana"), ident("user_id:ben"), actor="n", at="2026-01-01T00:00:00Z")),
        ),
        "user_id:ana | user_id:ben",
        "one person, for ever",
        "a limit is a rule, not a warning: whoever means it lets a person have two accounts",
    ),
    Scene(
        "posthog",
        "the same, where the rules allow two accounts",
        (
            login(1, "ana"),
            login(2, "ben"),
            command(3, merge_event(ident("user_id:ana"), ident("user_id:ben"), actor="n", at="2026-01-01T00:00:00Z")),
        ),
        "user_id:ana user_id:ben",
        "same",
        rules="[kinds.user_id]\nlimit = 2",
    ),
    Scene(
        "posthog",
        "merged, and then regretted",
        (
            seen(1, cookie="a"),
            seen(2, cookie="b"),
            command(3, merge_event(ident("cookie:a"), ident("cookie:b"), actor="n", at="2026-01-01T00:00:00Z")),
            command(4, retract_event(ident("cookie:a"), ident("cookie:b"), actor="n", at="2026-01-02T00:00:00Z")),
        ),
        "cookie:a | cookie:b",
        "a merge cannot be undone",
        "evidence is kept, so it can be taken back",
    ),
    # Segment: the example of its settings page (user_id 1, email 5, anonymous_id 5; user_id before email).
    Scene(
        "segment",
        "a new account with a known address",
        (login(1, "abc123", email="jane@x.org"), login(2, "abc456", email="jane@x.org")),
        "user_id:abc123 | user_id:abc456 | email:jane@x.org",
        "the address stays with the account that came first",
        "what it does without an account would be the first one's by chance",
    ),
    Scene(
        "segment",
        "two account numbers, one address, as its page configures it",
        (login(1, "eshop-1", email="jane@x.org"), login(2, "uuid-1", email="jane@x.org")),
        "user_id:eshop-1 user_id:uuid-1 email:jane@x.org",
        "same",
        rules="[kinds.user_id]\nlimit = 2",
    ),
    Scene(
        "segment",
        "an iPad in the shop",
        tuple(seen(n, device="ipad", email=f"p{n}@x.org", user_id=f"p{n}") for n in (1, 2, 3)),
        "user_id:p1 email:p1@x.org | user_id:p2 email:p2@x.org | user_id:p3 email:p3@x.org | device:ipad",
        "all one where no rules are in place",
        "a device that met two accounts is shared without being told",
    ),
    Scene(
        "segment",
        "a value everybody has",
        (login(1, "0-0", cookie="a"), login(2, "-1", cookie="b")),
        "cookie:a | cookie:b",
        "same",
    ),
    Scene(
        "segment",
        "five addresses a year, and a sixth the year after",
        tuple(login(n * DAY, "jane", email=f"j{n}@x.org") for n in (1, 2, 3, 4, 5, 400)),
        "user_id:jane " + " ".join(f"email:j{n}@x.org" for n in (1, 2, 3, 4, 5, 400)),
        "same",
        rules="[kinds.email]\nwithin_days = 365",
    ),
    Scene(
        "segment",
        "six addresses in a year",
        tuple(login(n, "jane", email=f"j{n}@x.org") for n in range(1, 7)),
        "user_id:jane " + " ".join(f"email:j{n}@x.org" for n in range(1, 6)) + " | email:j6@x.org",
        "same",
        rules="[kinds.email]\nwithin_days = 365",
    ),
    # Unomi: merging profiles on a property, with a session that another person may have left open.
    Scene(
        "unomi",
        "two profiles with one address",
        (seen(1, cookie="a", email="u@x.org"), seen(2, cookie="b", email="u@x.org")),
        "cookie:a cookie:b email:u@x.org",
        "same",
    ),
    Scene(
        "unomi",
        "a session left open, another signs in",
        (login(1, "master", cookie="s"), login(2, "event", cookie="s")),
        "user_id:master | user_id:event | cookie:s",
        "the session moves to the second",
        "its unnamed past was perhaps the first one's",
    ),
    Scene(
        "unomi",
        "the same by address, which is its only key",
        (seen(1, cookie="s", email="m@x.org"), seen(2, cookie="s", email="e@x.org")),
        "cookie:s email:m@x.org email:e@x.org",
        "two profiles",
        "a person has several addresses; where they tell persons apart, a limit of 1 says so (next scene)",
    ),
    Scene(
        "unomi",
        "the same where one address is one person",
        (seen(1, cookie="s", email="m@x.org"), seen(2, cookie="s", email="e@x.org")),
        "cookie:s | email:m@x.org | email:e@x.org",
        "the session moves to the second",
        "as with accounts: what nobody signed is nobody's",
        rules="one address",
    ),
    # Mautic: two people, one browser.
    Scene(
        "mautic",
        "alice and bob on one browser",
        (
            login(1, "alice", cookie="c", email="alice@x.org"),
            login(2, "bob", cookie="c", email="bob@x.org"),
            seen(3, cookie="c"),
        ),
        "user_id:alice email:alice@x.org | user_id:bob email:bob@x.org | cookie:c",
        "one contact, overwritten by bob",
        "two accounts are two people, whatever browser they share",
    ),
    # Snowplow: browser (cookie), network (device) and account ids, bridged by events.
    Scene(
        "snowplow",
        "simple",
        (seen(1, cookie="a", device="n1", user_id="u"), seen(2, cookie="b"), seen(3, cookie="b", user_id="u")),
        "user_id:u cookie:a cookie:b device:n1",
        "same",
    ),
    Scene(
        "snowplow",
        "chain",
        (
            seen(1, cookie="a", device="1"),
            seen(2, cookie="b", device="1"),
            seen(3, cookie="b", device="2"),
            seen(4, cookie="c", device="2"),
            seen(5, cookie="c", device="3"),
            seen(6, cookie="d", device="3"),
        ),
        "cookie:a cookie:b cookie:c cookie:d device:1 device:2 device:3",
        "same",
    ),
    Scene(
        "snowplow",
        "diamond",
        (
            seen(1, cookie="a", device="l"),
            seen(2, cookie="a", device="r"),
            seen(3, cookie="b", device="l"),
            seen(4, cookie="b", device="r"),
        ),
        "cookie:a cookie:b device:l device:r",
        "same",
    ),
    Scene(
        "snowplow",
        "fan-in",
        tuple(seen(n, cookie=f"c{n}", user_id="u0") for n in range(7)),
        "user_id:u0 " + " ".join(f"cookie:c{n}" for n in range(7)),
        "same",
    ),
    Scene(
        "snowplow",
        "fan-out",
        (seen(1, cookie="a", device="x"), seen(2, cookie="b", device="x"), seen(3, cookie="c", device="x")),
        "cookie:a cookie:b cookie:c device:x",
        "same",
    ),
    Scene(
        "snowplow",
        "disjoint",
        (seen(1, cookie="a", device="1"), seen(2, cookie="b", device="2")),
        "cookie:a device:1 | cookie:b device:2",
        "same",
    ),
    Scene(
        "snowplow",
        "a late bridge",
        (seen(10, cookie="a"), seen(11, cookie="b"), seen(1, cookie="a", device="d"), seen(2, cookie="b", device="d")),
        "cookie:a cookie:b device:d",
        "same",
    ),
    Scene(
        "snowplow",
        "uid_conflict",
        (
            login(1, "alice", cookie="a"),
            login(2, "bob", cookie="b"),
            seen(3, cookie="a", device="d"),
            seen(4, cookie="b", device="d"),
        ),
        "user_id:alice cookie:a | user_id:bob cookie:b | device:d",
        "two identities, the bridge ignored",
        "same persons; the device stood between two accounts, so it is neither's",
    ),
    Scene(
        "snowplow",
        "an identifier that two accounts had",
        (login(1, "alice", device="n"), login(2, "bob", device="n")),
        "user_id:alice | user_id:bob | device:n",
        "it belongs to both",
        "it belongs to neither: no event has two persons",
    ),
    Scene(
        "snowplow",
        "merged first, accounts afterwards",
        (
            seen(1, cookie="a", device="d"),
            seen(2, cookie="b", device="d"),
            login(3, "alice", cookie="a"),
            login(4, "bob", cookie="b"),
        ),
        "user_id:alice cookie:a | user_id:bob cookie:b | device:d",
        "merged before the accounts were known",
        "no order of arrival can join two accounts",
    ),
    Scene(
        "snowplow",
        "more merges than its limit of three",
        tuple(seen(n, cookie=f"c{n}", user_id="u") for n in range(9)),
        "user_id:u " + " ".join(f"cookie:c{n}" for n in range(9)),
        "at the limit a merge is refused, and an id has two owners",
        "nineteen cookies a person is usual",
    ),
    Scene(
        "snowplow",
        "seen again after its state expired",
        (seen(1, cookie="a", device="n"), seen(900 * DAY, device="n")),
        "cookie:a device:n",
        "a second identity",
        "evidence does not expire",
    ),
]


def rules_of(scene: Scene) -> Rules:
    if scene.rules == "one address":  # a limit of 1 goes without shared_after, which cannot be unset in a file
        table = _default_table()
        kinds = {**table["kinds"], "email": {"priority": 80, "limit": 1}}
        return read_rules("", "t", {**table, "kinds": kinds})
    return read_rules(scene.rules, "t", _default_table())


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: f"{scene.of}: {scene.name}")
def test_a_scene_in_any_order(scene: Scene) -> None:
    ours = {frozenset(person.split()) for person in scene.ours.split(" | ")}
    assert (scene.theirs == "same") == (not scene.why), "where we differ we say why"
    for story in (
        [scene.story],
        [scene.story[::-1]],
        [[one] for one in scene.story],
        [[one] for one in scene.story[::-1]],
    ):
        assert Town(rules_of(scene)).absorb_in(story).groups() == ours


def test_a_merge_keeps_the_oldest_id_and_former_ones_lead_on() -> None:
    """Snowplow's reverse chain: the root changes twice, and each is pointed anew; Unomi's alias of a profile."""
    old = {
        name: town(seen(at, cookie=name)).person_of(f"cookie:{name}") for at, name in ((1, "c"), (5, "b"), (10, "a"))
    }
    t = town(seen(10, cookie="a"), seen(5, cookie="b"), seen(1, cookie="c"))
    t.absorb(seen(20, cookie="a", device="1"), seen(21, cookie="b", device="1"))
    t.absorb(seen(22, cookie="b", device="2"), seen(23, cookie="c", device="2"))
    assert {t.now(person) for person in old.values()} == {old["c"]} == {t.person_of("cookie:a")}


def test_a_late_event_moves_the_first_sight_back_and_merging_rewrites_no_event() -> None:
    """Snowplow's late scene; Unomi rewrites sessions and events at a merge, here the person is a join."""
    t = town(seen(200, cookie="a"), seen(201, cookie="a"))
    t.absorb(seen(5, cookie="a"), login(300, "ana", cookie="a"))
    (row,) = t.rows(persons)
    assert row[1:4] == (5_000_000, 300_000_000, 4)
    subjects = {row[1]: row[8] for row in t.rows(identifiers)}
    assert subjects == {"cookie": 3, "user_id": 1}
