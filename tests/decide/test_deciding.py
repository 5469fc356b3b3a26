"""One action or none, through the same gates in the same order, with every reason written down."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ariane.decide import Action, Decision, Policy, as_event, decide, load_policy
from ariane.decide.deciding import _choose
from ariane.errors import InputError, NotFound
from ariane.model import DAY, HOUR
from ariane.store import DuckEngine, SparkEngine
from lake_rows import DAY_ZERO, event, write_lake

NOW = DAY_ZERO + 100 * DAY
SURE = Policy(actions=load_policy().actions, holdout=0.0, exploration=0.0)


def buyer(who: str, n: int = 2, last_day: int = 50) -> list[dict[str, Any]]:
    return [event(who, "Order Completed", DAY_ZERO + (last_day - k) * DAY) for k in range(n)]


def contact(who: str, at_us: int, campaign: str, outcome: str = "act") -> dict[str, Any]:
    return event(who, "Decision Made", at_us, source="_ariane", campaign=campaign, outcome=outcome)


def on(root: Path, events: list[dict[str, Any]], **options: Any) -> DuckEngine:
    return DuckEngine(write_lake(root / "lake", events, **options))


def verdicts(decision: Decision) -> dict[str, str]:
    return {one.action: one.verdict for one in decision.why}


def test_marketing_needs_a_yes_for_its_channel(tmp_path: Path) -> None:
    events = [row for who in ("none", "yes", "no", "general", "sms") for row in buyer(who)]
    said = [
        ("yes", "marketing", "email", True),
        ("no", "marketing", "", True),
        ("no", "marketing", "email", False),
        ("general", "marketing", "", True),
        ("sms", "marketing", "sms", True),
    ]
    engine = on(tmp_path, events, consents=said)
    found = {who: decide(engine, who, now_us=NOW, policy=SURE) for who in ("none", "yes", "no", "general", "sms")}
    assert {who: one.action for who, one in found.items()} == {
        "none": None, "yes": "replenishment_offer", "no": None, "general": "replenishment_offer", "sms": None,
    }  # fmt: skip
    assert {verdicts(found[who])["replenishment_offer"] for who in ("none", "no", "sms")} == {"no_consent"}
    refused = next(one for one in found["none"].why if one.action == "replenishment_offer")
    assert [(c.what, c.passes) for c in refused.conditions] == [("consent:marketing/email", False)]


def test_every_condition_is_shown_with_its_value_and_threshold(tmp_path: Path) -> None:
    engine = on(tmp_path, buyer("ana", 3), consents=[("ana", "marketing", "email", True)])
    decision = decide(engine, "ana", now_us=NOW, policy=SURE)
    chosen = next(one for one in decision.why if one.verdict == "chosen")
    shown = {c.what: (c.value, c.threshold, c.passes) for c in chosen.conditions}
    assert shown == {
        "consent:marketing/email": (1, 1, True),
        "orders>=2": (3, 2, True),
        "last_seen_days>=45": (50, 45, True),
        "replenishment_offer in 90 days": (0, 1, True),
        "contacts in 7 days": (0, 3, True),
    }
    assert (decision.action, decision.propensity, decision.holdout) == ("replenishment_offer", 1.0, False)


def test_pressure_counts_the_resolved_person_and_what_was_carried_out(tmp_path: Path) -> None:
    events = [event(who, "Order Completed", NOW - 9 * DAY) for who in ("ana", "ana-2", "bob")]
    events += [event(who, "Delivery Made", NOW - 2 * HOUR, late_days=0.0) for who in ("ana", "bob")]
    events += [contact(who, NOW - n * DAY, "newsletter") for n, who in enumerate(("ana", "ana-2", "ana-2"), 1)]
    events += [contact("bob", NOW - n * DAY, "newsletter", "holdout") for n in (1, 2, 3)]
    engine = on(tmp_path, events, merged={"ana-2": "ana"})
    assert verdicts(decide(engine, "ana", now_us=NOW, policy=SURE))["installation_guide"] == "pressed"
    assert decide(engine, "bob", now_us=NOW, policy=SURE).action == "installation_guide"
    later = decide(engine, "ana", now_us=NOW + 6 * DAY, policy=SURE)
    assert later.action == "installation_guide", "a cap is a sliding window"


def test_an_urgent_action_ignores_the_common_pressure_but_not_its_own_cap(tmp_path: Path) -> None:
    events = [event("ana", "Call Abandoned", NOW - HOUR)] + [contact("ana", NOW - n * DAY, "x") for n in (1, 2, 3)]
    engine = on(tmp_path, events)
    assert decide(engine, "ana", now_us=NOW, policy=SURE).action == "service_call_back"
    engine = on(tmp_path / "again", [*events, contact("ana", NOW - 5 * DAY, "service_call_back")])
    assert verdicts(decide(engine, "ana", now_us=NOW, policy=SURE))["service_call_back"] == "pressed"


def test_a_late_delivery_is_apologised_for_and_the_future_is_not_known(tmp_path: Path) -> None:
    events = [event("ana", "Delivery Made", NOW - DAY, late_days=3.0), event("ana", "Call Abandoned", NOW + 1)]
    decision = decide(on(tmp_path, events), "ana", now_us=NOW, policy=SURE)
    assert (decision.action, verdicts(decision)["service_call_back"]) == ("delivery_apology", "not_eligible")
    with pytest.raises(NotFound):
        decide(on(tmp_path / "b", events), "bob", now_us=NOW)


def test_a_decision_repeats_itself_and_holds_out_its_share(tmp_path: Path) -> None:
    people = [f"p{n}" for n in range(10)]
    engine = on(tmp_path, [event(who, "Call Abandoned", NOW - HOUR) for who in people])
    policy = Policy(actions=load_policy().actions[:1], holdout=0.5)
    found = [decide(engine, who, now_us=NOW, policy=policy) for who in people]
    assert found[0] == decide(engine, people[0], now_us=NOW, policy=policy)
    assert 0 < sum(one.holdout for one in found) < 10
    assert len({one.decision_id for one in found}) == len(people)


@settings(deadline=None, max_examples=30)
@given(values=st.lists(st.integers(0, 99), min_size=1, max_size=5), exploration=st.floats(0, 0.9))
def test_propensities_are_the_probabilities_of_the_choice(values: list[int], exploration: float) -> None:
    eligible = [
        Action(key=str(n), when="", purpose="service", channel="email", value_minor=value)
        for n, value in enumerate(sorted(values, reverse=True))
    ]
    draws = 500
    found = [_choose(eligible, exploration, (n + 0.5) / draws) for n in range(draws)]
    shares = Counter(action.key for action, _ in found if action)
    for action, propensity in found:
        assert action is not None
        assert shares[action.key] / draws == pytest.approx(propensity, abs=2 / draws)


def test_a_decision_as_an_event_follows_the_person(tmp_path: Path) -> None:
    decision = decide(on(tmp_path, [event("ana", "Call Abandoned", NOW)]), "ana", now_us=NOW, policy=SURE)
    written = as_event(decision, "user_id:ana")
    assert written["event"] == "Decision Made" and written["context"]["externalIds"] == [
        {"id": "ana", "type": "user_id"}
    ]
    assert (written["properties"]["campaign"], written["properties"]["outcome"]) == ("service_call_back", "act")
    assert written["properties"]["why"][0]["conditions"][0]["passes"] is True
    with pytest.raises(InputError, match="kind:value"):
        as_event(decision, "ana")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("holdot = 1", "did you mean 'holdout'"),
        (
            '[[actions]]\nkey = "a"\nwhen = "ordres>=1"\npurpose = "service"\nchannel = "email"',
            "actions\\[1\\].when.*'orders'",
        ),
        ('[[actions]]\nkey = "a"\nwhen = ""\npurpose = "marketting"\nchannel = "email"', "did you mean 'marketing'"),
        ('[[actions]]\nkey = "a"\nwhen = ""\npurpose = "service"', "missing required field `channel`"),
        ("pressure = { max = -1, days = 7 }", "caps nothing"),
        ("holdout = 1.0", "not a share"),
        ("[[actions", "not TOML"),
    ],
)
def test_a_policy_that_cannot_be_used_says_where(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "actions.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=said):
        load_policy(file)


@pytest.mark.needs("spark")
def test_duckdb_and_spark_connect_agree(spark: str, tmp_path: Path) -> None:
    events = [*buyer("ana", 3, 90), event("ana", "Delivery Made", NOW - DAY, late_days=2.0)]
    lake = write_lake(tmp_path / "lake", events, [("ana", "personalisation", "", True)])
    duck, sail = DuckEngine(lake), SparkEngine(lake, spark)
    one, other = (decide(engine, "ana", now_us=NOW) for engine in (duck, sail))
    assert one == other and one.action is not None
    duck.close(), sail.close()
