"""What persons said, what it adds up to, and who may be read for what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ariane import consent
from ariane.consent.deciding import decide, decide_all
from ariane.consent.purposes import bases_from
from ariane.consent.receipts import Receipt, receipts_of
from ariane.consent.stored import consents, receipts, stated
from ariane.errors import ConsentError, InputError
from ariane.identity.commands import merge_event, retract_event
from identity.town import Town, command, event, ident, town

NINA = {"actor": "nina", "at": "2026-01-01T00:00:00Z"}
YES, NO = (
    {"consent": {"categoryPreferences": {"marketing": True}}},
    {"consent": {"categoryPreferences": {"marketing": False}}},
)


def may(t: Town, who: str, purpose: str = "marketing", channel: str | None = None) -> bool:
    person_id = t.person_of(who)
    with t.read() as conn:
        return consent.allowed(conn, consent.permit(purpose, actor="test"), person_id, channel)


def test_a_permit_is_only_given_for_a_named_purpose_to_somebody():
    permit = consent.permit("marketing", actor="nina", reason="spring letter")
    assert (permit.purpose, permit.basis, permit.actor) == ("marketing", "consent", "nina")
    with pytest.raises(ConsentError, match="Unknown purpose 'curiosity'"):
        consent.permit("curiosity", actor="nina")
    with pytest.raises(InputError, match="who reads"):
        consent.permit("service", actor=" ")
    with pytest.raises(ConsentError, match="by hand"):
        consent.Permit(purpose="marketing", basis="contract", actor="mallory")
    with pytest.raises(AttributeError):
        permit.basis = "contract"


def test_a_workspace_sets_its_own_bases():
    bases = bases_from({"research": {"basis": "legitimate_interest"}, "club": {"basis": "contract"}})
    assert consent.permit("research", actor="x", bases=bases).basis == "legitimate_interest"
    assert consent.permit("club", actor="x", bases=bases).basis == "contract"
    with pytest.raises(InputError, match=r"purposes\.research\.basis.*Allowed: contract"):
        bases_from({"research": {"basis": "because"}})


def test_who_said_nothing_may_be_read_only_where_the_law_says_so():
    t = town(event(1, cookie="c"))
    assert may(t, "cookie:c", "service") and may(t, "cookie:c", "measurement")
    for purpose in ("marketing", "personalisation", "cross_device", "research", "sharing"):
        assert not may(t, "cookie:c", purpose)


def test_a_grant_opens_and_a_withdrawal_closes():
    t = town(event(1, cookie="c", context=YES))
    assert may(t, "cookie:c")
    t.absorb(event(2, cookie="c", name="Consent Withdrawn", properties={"purpose": "marketing", "text_version": "v2"}))
    assert not may(t, "cookie:c")
    assert ("v2", False) in {(row[9], row[3]) for row in t.rows(receipts)}
    t.absorb(event(3, cookie="c", name="Segment Consent Preference Updated", context=YES))
    assert may(t, "cookie:c")


def test_an_objection_stops_measurement_but_not_service():
    t = town(event(1, cookie="c", context={"consent": {"categoryPreferences": {"Analytics": False, "C0001": False}}}))
    assert not may(t, "cookie:c", "measurement") and may(t, "cookie:c", "service")


def test_an_older_answer_arriving_late_changes_nothing():
    t = town(event(10, cookie="c", context=NO))
    t.absorb(event(5, cookie="c", context=YES))
    assert not may(t, "cookie:c")


def test_on_a_merge_the_refusal_holds_and_the_clash_is_noted_and_a_split_gives_each_its_own_back():
    t = town(event(1, cookie="a", context=YES), event(2, cookie="b", context=NO))
    before = t.standing()["consents"]
    assert may(t, "cookie:a") and not may(t, "cookie:b")
    a, b = ident("cookie:a"), ident("cookie:b")
    t.absorb(command(3, merge_event(a, b, **NINA)))
    assert t.together("cookie:a", "cookie:b") and not may(t, "cookie:a")
    assert [row[5] for row in t.rows(consents)] == [True]
    t.absorb(command(4, retract_event(a, b, rule="manual", **NINA)))
    assert t.standing()["consents"] == before
    assert may(t, "cookie:a") and not may(t, "cookie:b")


def test_what_a_person_says_under_their_own_name_supersedes_what_a_browser_said_before():
    t = town(event(1, cookie="c", context=NO), event(2, type="identify", cookie="c", user_id="ana", context=YES))
    assert may(t, "user_id:ana")
    t.absorb(event(3, cookie="c", context=NO))
    assert not may(t, "user_id:ana"), "a later refusal in the browser holds"


def test_channels_of_a_purpose_are_answered_apart():
    given = {"purpose": "marketing", "channel": "email"}
    t = town(event(1, user_id="ana", name="Consent Given", properties=given))
    assert may(t, "user_id:ana", channel="email") and not may(t, "user_id:ana", channel="sms")
    assert may(t, "user_id:ana"), "somebody who may be read on one channel may be read"
    t.absorb(event(2, user_id="ana", name="Consent Given", properties={"purpose": "marketing"}))
    t.absorb(event(3, user_id="ana", name="Consent Withdrawn", properties={"purpose": "marketing", "channel": "sms"}))
    assert not may(t, "user_id:ana", channel="sms") and may(t, "user_id:ana", channel="email")
    t.absorb(event(4, user_id="ana", name="Consent Withdrawn", properties={"purpose": "marketing"}))
    assert not may(t, "user_id:ana", channel="email") and not may(t, "user_id:ana", channel="sms")


@pytest.mark.parametrize(
    ("category", "purpose"),
    [("Advertising", "marketing"), ("C0004", "marketing"), ("analytics", "measurement"), ("Performance", "measurement"),
     ("Functional", "personalisation"), ("personalization", "personalisation"), ("DataSharing", "sharing"),
     ("cross-device", "cross_device"), ("research", "research"), ("Essential", "service")],
)  # fmt: skip
def test_the_usual_category_names_are_understood(category, purpose):
    made = receipts_of(event(1, context={"consent": {"categoryPreferences": {category: True}}}), 1, False)
    assert [(one.purpose, one.granted) for one in made] == [(purpose, True)]


def test_a_workspaces_own_categories_and_junk():
    e = event(
        1, context={"consent": {"categoryPreferences": {"cat-7": True, "nobody knows": True, "ads": "yes", "": 1}}}
    )
    assert [one.purpose for one in receipts_of(e, 1, False, {"cat-7": "research"})] == ["research"]
    for junk in (None, 3, "yes", [], {"categoryPreferences": None}, {"categoryPreferences": [1]}):
        assert not list(receipts_of(event(1, context={"consent": junk}), 1, False))
    assert not list(receipts_of(event(1, name="Consent Given", properties={"purpose": 3}), 1, False))


def test_two_categories_of_one_purpose_need_two_yeses():
    e = event(1, context={"consent": {"categoryPreferences": {"advertising": True, "social": False}}})
    assert [(one.purpose, one.granted) for one in receipts_of(e, 1, False)] == [("marketing", False)]


def test_the_same_answer_riding_on_every_event_is_kept_once():
    t = town(*[event(n, cookie="c", context=YES) for n in range(1, 30)])
    assert not t.rows(receipts), "nobody said it in so many words"
    ((_, answers, at_us, first_us, *_),) = t.rows(stated)
    assert (answers, first_us, at_us) == ('[["marketing",true]]', 1_000_000, 29_000_000)
    assert [row[4] for row in t.rows(consents)] == [1_000_000], "decided when first said"


def test_an_answer_that_rides_along_with_another_is_as_old_as_it_was_alone():
    both = {"consent": {"categoryPreferences": {"research": False, "marketing": True}}}
    t = town(*[event(n, cookie="c", context=YES if n < 5 else both) for n in range(1, 9)])
    assert sorted(row[1] for row in t.rows(stated)) == [
        '[["marketing",true],["research",false]]',
        '[["marketing",true]]',
    ]
    assert {row[1]: row[4] for row in t.rows(consents)} == {"marketing": 1_000_000, "research": 5_000_000}


RECEIPTS = st.lists(
    st.builds(
        lambda key, granted, at, channel: Receipt(
            subject_key=key, purpose="marketing", channel=channel, granted=granted, at_us=at, first_us=at,
            event_id=str(at), source="web", slot=f"{at}", strong=key < 2,
        ),
        st.integers(0, 4), st.booleans(), st.integers(0, 9), st.sampled_from(["", "", "email"]),
    ),
    max_size=8,
)  # fmt: skip


@given(RECEIPTS, st.randoms(use_true_random=False))
def test_a_standing_does_not_depend_on_the_order_of_receipts(listed, random):
    shuffled = list(listed)
    random.shuffle(shuffled)
    assert decide_all(listed, {}) == decide_all(shuffled, {})


@given(RECEIPTS)
def test_a_grant_needs_every_identifiers_latest_word(listed):
    decided = decide(listed, "consent")
    latest_of = {key: max(r.at_us for r in listed if r.subject_key == key) for key in {r.subject_key for r in listed}}
    if decided.granted:
        newest = max(latest_of.values())
        assert all(r.granted for r in listed if r.at_us == newest)
    assert decided.granted or not listed or any(not r.granted for r in listed)
