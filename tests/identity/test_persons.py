"""Whose event is whose: the scenes other products get wrong, and what Ariane makes of them."""

from __future__ import annotations

import pytest

from ariane import identity
from ariane.errors import InputError
from ariane.identity.identifying import normalise, subject_key
from ariane.identity.rules import Rules, _default_table, read_rules
from ariane.identity.steering import merge_event, resolve_all, retract_event, split_event
from ariane.identity.stored import edges, person_changes, persons
from identity.town import SERVICE, Town, command, event, ident, town

DEFAULT = _default_table()
NINA = {"actor": "nina", "at": "2026-01-01T00:00:00Z"}


def test_a_thread_across_devices_and_shops_is_one_person():
    t = town(
        event(1, cookie="phone-1", device="phone"),
        event(2, cookie="laptop-1", device="laptop"),
        event(3, type="identify", user_id="ana", cookie="phone-1", email="Ana@Example.org"),
        event(4, type="identify", user_id="ana", cookie="laptop-1"),
        event(5, channel="store", loyalty_card="FID 0042", email="ana@example.org", card_token="tok_9"),
        event(6, channel="store", card_token="tok_9"),
        event(7, channel="call_centre", caller_number="06 12 34 56 78"),
        event(8, user_id="ana", phone="+33 6 12 34 56 78", cookie="laptop-2"),
    )
    assert len(t.groups()) == 1


def test_two_logins_on_one_browser_stay_two_persons_and_its_anonymous_events_are_nobodys():
    """Mautic joins Alice and Bob for ever (their contacts overwrite each other); RudderStack merges them."""
    t = town(
        event(1, cookie="c"),
        event(2, type="identify", cookie="c", user_id="alice"), event(3, cookie="c", user_id="alice"),
        event(4, type="identify", cookie="c", user_id="bob"), event(5, cookie="c", user_id="bob"), event(6, cookie="c"),
    )  # fmt: skip
    assert t.groups() == {frozenset({"user_id:alice"}), frozenset({"user_id:bob"}), frozenset({"cookie:c"})}
    rows = {row[0]: row[3] for row in t.rows(persons)}
    assert rows == {t.person_of("user_id:alice"): 2, t.person_of("user_id:bob"): 2, t.person_of("cookie:c"): 2}


def test_before_a_second_login_a_browsers_past_is_the_first_ones():
    t = town(event(1, cookie="c"), event(2, type="identify", cookie="c", user_id="alice"))
    first = t.person_of("cookie:c")
    assert t.together("cookie:c", "user_id:alice")
    t.absorb(event(3, type="identify", cookie="c", user_id="bob"))
    # The former id leads to Alice, not to the browser: no link to her ever shows a stranger.
    assert t.now(first) == t.person_of("user_id:alice")
    assert t.person_of("cookie:c") not in {first, t.person_of("user_id:alice"), t.person_of("user_id:bob")}


def test_a_family_tablet_ties_nobody_but_each_ones_own_cookie_does():
    t = town(
        event(1, cookie="a", device="tablet", user_id="ana"), event(2, cookie="b", device="tablet", user_id="ben"),
        event(3, cookie="a", device="tablet"), event(4, cookie="new", device="tablet"),
    )  # fmt: skip
    assert t.together("cookie:a", "user_id:ana") and t.together("cookie:b", "user_id:ben")
    assert not t.together("user_id:ana", "user_id:ben")
    assert frozenset({"device:tablet"}) in t.groups() and frozenset({"cookie:new"}) in t.groups()


def test_a_kiosk_ties_none_of_its_many_and_new_ones_cost_it_nothing():
    t = Town()
    for n in range(60):
        t.absorb(event(n, cookie="kiosk", device="kiosk-1", user_id=f"u{n}", email=f"u{n}@x.org"))
    assert t.groups() == {frozenset({f"user_id:u{n}", f"email:u{n}@x.org"}) for n in range(60)} | {
        frozenset({"cookie:kiosk"}), frozenset({"device:kiosk-1"}),
    }  # fmt: skip
    assert {row[11] for row in t.rows(edges) if "kiosk" in str(row)} <= {"inert", "live"}


def test_a_recycled_phone_number_joins_no_two_persons():
    t = town(
        event(1, user_id="old", phone="0612345678"), event(900, user_id="new", phone="0612345678"),
        event(901, caller_number="0612345678"),
    )  # fmt: skip
    assert not t.together("user_id:old", "user_id:new")
    assert not t.together("phone:+33612345678", "user_id:old")


def test_one_account_a_person_whatever_ties_them_indirectly():
    t = town(
        event(1, user_id="ana", cookie="a"), event(2, user_id="ben", cookie="b"),
        event(3, cookie="a", object_serial="lamp"), event(4, cookie="b", object_serial="lamp"),
    )  # fmt: skip
    assert not t.together("user_id:ana", "user_id:ben")
    # The lamp stands in a home of two: it is neither's, whoever was seen with it first.
    assert not t.together("user_id:ana", "object_serial:lamp") and not t.together("user_id:ben", "object_serial:lamp")
    assert sorted(row[11] for row in t.rows(edges)) == ["inert", "inert", "live", "live"]


def test_what_different_accounts_claim_is_not_one_persons_whatever_was_seen_between() -> None:
    logins = [event(1, user_id="ana", cookie="a"), event(2, user_id="ben", cookie="b")]
    both = event(3, type="alias", cookie="b", properties={"previousId": "a"})
    for first, second in ((logins, [both]), ([both], logins)):
        t = town(*first, *second)
        assert not t.together("user_id:ana", "user_id:ben")
        assert t.together("user_id:ana", "cookie:a") and t.together("user_id:ben", "cookie:b")
        assert [row[11] for row in t.rows(edges)].count("refused") == 1
        with t.read() as conn:
            assert identity.explain(conn, SERVICE, ident("cookie:a"), ident("user_id:ben")).because == "limit"


def test_limits_hold_and_the_older_stay():
    events = [event(n, type="identify", user_id="ana", email=f"e{n}@x.org") for n in range(1, 8)]
    t = town(*events)
    together = {n for n in range(1, 8) if t.together("user_id:ana", f"email:e{n}@x.org")}
    assert together == {1, 2, 3, 4, 5}


def test_a_merge_keeps_the_oldest_id_whatever_came_first():
    early, late = event(1, cookie="old"), event(5, cookie="young")
    for first, second in ((early, late), (late, early)):
        t = Town()
        t.absorb(first)
        t.absorb(second)
        kept, gone = t.person_of("cookie:old"), t.person_of("cookie:young")
        t.absorb(event(9, user_id="ana", cookie="old"), event(10, user_id="ana", cookie="young"))
        assert t.person_of("user_id:ana") == kept
        assert [(old, new, cause) for _, old, new, cause, _ in t.rows(person_changes)] == [(gone, kept, "merged")]
        assert t.now(gone) == kept


def test_on_a_split_the_strongest_keeps_the_id():
    t = town(
        event(1, cookie="c"), event(2, type="identify", user_id="ana", cookie="c"), event(3, cookie="c", device="d")
    )
    kept = t.person_of("cookie:c")
    t.absorb(command(9, split_event(ident("user_id:ana"), ident("cookie:c"), **NINA)))
    assert t.person_of("user_id:ana") == kept
    assert t.together("cookie:c", "device:d") and not t.together("cookie:c", "user_id:ana")


def test_a_persons_split_overrules_all_evidence_and_a_merge_overrules_the_split():
    t = town(event(1, type="identify", user_id="ana", email="a@x.org"))
    a, b = ident("user_id:ana"), ident("email:a@x.org")
    t.absorb(command(5, split_event(a, b, **NINA)))
    t.absorb(event(6, type="identify", user_id="ana", email="a@x.org"))
    assert not t.together(str(a), str(b))
    t.absorb(command(7, merge_event(a, b, **NINA)))
    assert t.together(str(a), str(b))
    t.absorb(command(6, split_event(a, b, **NINA)))  # an older command, late
    assert t.together(str(a), str(b))


def test_retracting_the_one_wrong_login_frees_a_shared_cookie():
    t = town(
        event(1, type="identify", cookie="c", user_id="alice"), event(2, type="identify", cookie="c", user_id="bob")
    )
    assert frozenset({"cookie:c"}) in t.groups()
    t.absorb(command(5, retract_event(ident("cookie:c"), ident("user_id:bob"), **NINA)))
    assert t.together("cookie:c", "user_id:alice") and not t.together("cookie:c", "user_id:bob")


def test_a_merge_by_hand_waits_until_both_were_seen():
    t = town(command(1, merge_event(ident("email:a@x.org"), ident("email:b@x.org"), **NINA)))
    assert t.groups() == set()
    t.absorb(event(2, email="a@x.org"))
    t.absorb(event(3, email="b@x.org"))
    assert t.together("email:a@x.org", "email:b@x.org")


def test_bots_and_commands_are_nobody():
    t = town(event(1, cookie="bot", is_bot=True), event(2, cookie="anonymous"), event(3))
    assert t.groups() == set()


@pytest.mark.parametrize(
    "value",
    ["anonymous", "Guest", "none", "null", "undefined", "0", "-1", "000-000", "true", "FALSE", "NaN", "[object Object]",
     '"null"', "'undefined'", "", "   ", "x" * 201, "00000000-0000-0000-0000-000000000000", "distinct_id", "a\x00b",
     "\ud800"],
)  # fmt: skip
def test_values_that_name_nobody(value):
    """The lists of Segment's identity settings and of PostHog's illegal distinct ids."""
    assert identity.identify(event(1, user_id=value, cookie="c")) == (ident("cookie:c"),)


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        ("email", "mailto:Ana@Example.org", "ana@example.org"), ("email", "Ana.B+x@Example.ORG", "ana.b+x@example.org"),
        ("email", "ana@localhost", None), ("email", "a b@x.org", None), ("email", "ana@x..org", None),
        ("phone", "+33 (0)6 12 34 56 78", "+33612345678"), ("phone", "33612345678", "+33612345678"),
        ("phone", "612345678", "+33612345678"), ("phone", "+1 415 555 2671", "+14155552671"), ("phone", "3939", None),
        ("phone", "0000000000", None), ("loyalty_card", "fid-00 42", "FID0042"), ("social_handle", "@Ana", "ana"),
        ("wallet", "0xABCDEF", "0xabcdef"), ("user_id", " 42 ", "42"),
    ],
)  # fmt: skip
def test_one_spelling_for_each_value(kind, raw, expected):
    assert normalise(kind, raw) == expected


def test_identifiers_come_strongest_first_from_everywhere_an_event_carries_them():
    e = event(
        1, cookie="c", device="d", user_id="7", email="a@x.org",
        properties={"caller_number": "0612345678", "friend_email": "f@x.org"},
        context={"traits": {"loyalty_card": "L1"},
                 "externalIds": [{"id": "w1", "type": "wallet"}, {"id": "?", "type": "no"}, 3]},
    )  # fmt: skip
    assert [str(each) for each in identity.identify(e)] == [
        "user_id:7", "loyalty_card:L1", "email:a@x.org", "phone:+33612345678", "caller_number:+33612345678",
        "wallet:w1", "cookie:c", "device:d",
    ]  # fmt: skip
    assert subject_key(e) == ident("user_id:7").key


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[kinds.email]\nlimit = 'two'", r"t:2: kinds\.email\.limit"),
        ("\n[kinds.email]\nlimt = 2", r"t:3: kinds\.email\.limt: there is an unknown field"),
        ("foo = 1", r"t:1: foo.*Allowed: kinds, block"),
        ("[kinds.Email]\npriority = 3", r"t:1: kinds\.Email"),
        ("[kinds.device]\nlimit = 0", r"t:2: kinds\.device\.limit: 0 is out of range.*Allowed: 1 or more"),
        ("[kinds.device]\nshared_after = 1", r"t:2: .*Allowed: 2 or more"),
        ("[kinds.user_id]\nshared_after = 3", "tells persons apart"),
        ("[block]\npatterns = ['(']", r"t:2: block\.patterns.*regular expression"),
        ("x = = 3", r"t:1: Not valid TOML"),
        ("strong_from = 'nope'", r"t:1: strong_from.*Allowed: user_id"),
        ("[kinds.fax]\nlimit = 3", r"t:1: kinds\.fax: .*priority"),
    ],
)
def test_a_bad_rules_file_says_where_and_what_is_allowed(text, says):
    with pytest.raises(InputError, match=says):
        read_rules(text, "t", base=DEFAULT)


def test_a_workspaces_rules_lie_over_the_default_ones(tmp_path):
    (tmp_path / "identity.toml").write_text("[kinds.badge]\npriority = 75\n[kinds.email]\nlimit = 1\nshared_after = 9")
    with pytest.raises(InputError, match="shared_after"):
        identity.rules_of(tmp_path)
    (tmp_path / "identity.toml").write_text("[kinds.badge]\npriority = 75\nlimit = 2")
    rules = identity.rules_of(tmp_path)
    assert rules.kinds["badge"].limit == 2 and rules.kinds["user_id"] == Rules.default().kinds["user_id"]
    assert [each.kind for each in identity.identify(event(1, badge="B", cookie="c"), rules)] == ["badge", "cookie"]


def test_tighter_rules_are_applied_to_the_whole_history():
    t = town(event(1, user_id="guest-account", cookie="a"), event(2, user_id="guest-account", cookie="b"))
    assert t.together("cookie:a", "cookie:b")
    tighter = read_rules("[kinds.user_id]\nblock = ['guest-.*']", "t", base=DEFAULT)
    with t.state.begin() as conn:
        resolve_all(conn, tighter)
    assert len(t.groups()) == 3
    with t.state.begin() as conn:
        resolve_all(conn, Rules.default())
    assert t.together("cookie:a", "cookie:b", "user_id:guest-account")


@pytest.mark.parametrize(
    ("kind", "raw", "country", "expected"),
    [
        ("phone", "(415) 555-2671", "US", "+14155552671"), ("phone", "(415) 555-2671", "FR", None),
        ("phone", "0033612345678", "DE", "+33612345678"), ("phone", "030 123456", "DE", "+4930123456"),
        ("phone", "tél. 06.12.34.56.78", "FR", "+33612345678"), ("phone", "0612345678 (maison)", "FR", "+33612345678"),
        ("phone", "01 40 00 00 01 poste 12", "FR", "+33140000001;ext=12"), ("phone", "1-800-FLOWERS", "US", None),
        ("phone", "06123456789", "FR", None), ("phone", "011 15 2345 6789", "AR", "+5491123456789"),
        ("phone", "٠٦١٢٣٤٥٦٧٨", "FR", "+33612345678"), ("caller_number", "call me", "FR", None),
        ("email", "mailto:ana@x.org?subject=Hi", "FR", "ana@x.org"),
        ("email", "<Ana@Élan.fr>", "FR", "ana@xn--lan-9la.fr"), ("phone", "030 123456", "FR", None),
        ("email", "и@почта.рф", "FR", "и@xn--80a1acny.xn--p1ai"),
        ("card_token", "tok_Ab 12", "FR", "tok_Ab12"), ("card_token", "**** **** **** 1234", "FR", None),
        ("card_token", "497010XXXXXX1234", "FR", None), ("card_token", "1234", "FR", None),
    ],
)  # fmt: skip
def test_numbers_addresses_and_cards_as_they_are_written(kind, raw, country, expected):
    assert normalise(kind, raw, country) == expected
    if expected is not None:
        assert normalise(kind, expected, country) == expected, "what is normalised stays"


def test_tags_are_dropped_only_where_the_rules_say_so():
    rules = read_rules("[kinds.email]\ndrop_tags = ['x.org']", "t", base=DEFAULT)
    found = identity.identify(event(1, email="ana+a@x.org", context={"traits": {"email": "ana+b@y.org"}}), rules)
    assert {str(one) for one in found} == {"email:ana@x.org", "email:ana+b@y.org"}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("email", "info@boutique.fr"), ("email", "Test3@gmail.com"), ("email", "ana@yopmail.com"),
        ("email", "caisse-2@x.fr"), ("user_id", "admin"), ("user_id", "test_12"), ("user_id", "kiosk-3"),
        ("phone", "06 00 00 00 00"), ("loyalty_card", "99999999"), ("device", "9774d56d682e549c"),
        ("device", "caisse-12"), ("device", "emulator-5554"),
    ],
)  # fmt: skip
def test_everybodys_and_nobodys_values_are_blocked(kind, value):
    assert identity.identify(event(1, **{kind: value})) == ()


@pytest.mark.parametrize(
    ("kind", "value"),
    [("email", "information@x.fr"), ("email", "ana.test@x.fr"), ("user_id", "test-pilot"), ("user_id", "admiral")],
)  # fmt: skip
def test_what_only_looks_like_them_is_not(kind, value):
    assert identity.identify(event(1, **{kind: value})) == (ident(f"{kind}:{value}"),)


def test_numbers_without_a_country_are_the_workspaces(tmp_path):
    number, italian = event(1, phone="030 123456"), "+39030123456"
    for settings, rules, expected in [
        ('default_country = "DE"', "", "+4930123456"), ('default_country = "DE"', "calling_code = '39'", italian),
        ('default_country = "de"', "country = 'AT'", "+4330123456"), ("", "", None),
    ]:  # fmt: skip
        folder = tmp_path / f"{abs(hash((settings, rules)))}"
        folder.mkdir()
        (folder / "ariane.toml").write_text(settings)
        if rules:
            (folder / "identity.toml").write_text(rules)
        found = identity.identify(number, identity.rules_of(folder))
        assert [one.value for one in found] == ([expected] if expected else [])
    (tmp_path / "ariane.toml").write_text('default_country = "ZZ"')
    with pytest.raises(InputError, match="default_country"):
        identity.rules_of(tmp_path)
