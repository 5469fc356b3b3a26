"""Who is who: what events say of persons is true, and what belongs to several is known to."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date
from pathlib import Path

from ariane.demo import Town, identity_score, load
from ariane.demo.ledger import KINDS
from ariane.identity.identifying import identify
from ariane.model import Event
from tests.demo.small_town import Generated

Name = tuple[str, str]


def _names(event: dict) -> list[Name]:
    said = event.get("properties") or event.get("traits") or {}
    named = [("user_id", event.get("userId")), ("cookie", event.get("anonymousId"))]
    named.append(("device", event["context"].get("device", {}).get("id")))
    named += [(kind, said.get(kind)) for kind in KINDS]
    return [(kind, value) for kind, value in named if value]


def _names_a_visit(event: dict[str, dict[str, object]], name: Name) -> bool:
    return name[0] == "cookie" and event["context"]["channel"] in ("store", "call_centre")


def test_no_event_says_two_persons(generated: Generated) -> None:
    owner: dict[Name, set[str]] = defaultdict(set)
    shared = set()
    for row in generated.truth["identifiers"].to_pylist():
        owner[(row["kind"], row["value"])].add(row["truth_id"])
        if row["shared"]:
            shared.add((row["kind"], row["value"]))
    assert shared
    for name, owners in owner.items():
        assert len(owners) == 1 or name in shared, name
    n_bot = 0
    for event in generated.events:
        names = _names(event)
        if "b" in event["messageId"].split("-")[1]:
            n_bot += 1
            assert not any(name in owner for name in names)
            continue
        # A name given to one call or one visit at the door is nobody's browser: the truth does not list it.
        assert all(name in owner or _names_a_visit(event, name) for name in names)
        names = [name for name in names if name in owner]
        assert len({next(iter(owner[name])) for name in names if name not in shared}) <= 1
    assert n_bot > 0


def test_evidence_suffices_to_put_persons_together_again(generated: Generated) -> None:
    """Unite what stands in one event, but for what several accounts used: the town must not be impossible."""
    accounts: dict[Name, set[str]] = defaultdict(set)
    together: set[tuple[Name, ...]] = set()
    for event in generated.events:
        names = tuple(_names(event))
        together.add(names)
        if event.get("userId"):
            for name in names[1:]:
                accounts[name].add(event["userId"])
    parent: dict[Name, Name] = {}

    def root(name: Name) -> Name:
        parent.setdefault(name, name)
        while parent[name] != name:
            name = parent[name]
        return name

    for names in together:
        single = [name for name in names if len(accounts[name]) < 2]
        for name in single[1:]:
            parent[root(name)] = root(single[0])
    import pyarrow as pa

    found = pa.Table.from_pylist(
        [{"kind": name[0], "value": name[1], "person_id": "/".join(root(name))} for name in list(parent)]
    )
    score = identity_score(found, generated.truth["identifiers"])
    assert score.precision is not None and score.precision >= 0.999
    assert score.recall is not None and score.recall >= 0.95
    assert score.n_shared > 0


def test_the_product_reads_the_identifiers_the_truth_lists(generated: Generated) -> None:
    for event in generated.events[:4000]:
        read = Event(
            event_id="e",
            message_id="m",
            source="demo",
            type=event["type"],
            name="",
            channel="web",
            occurred_us=0,
            received_us=0,
            anonymous_id=event.get("anonymousId"),
            user_id=event.get("userId"),
            properties=event.get("properties") or event.get("traits") or {},
            context=event["context"],
        )
        assert {(one.kind, one.value) for one in identify(read)} >= set(_names(event))


def test_families_share_kiosks_are_everybodys_and_some_never_say_who_they_are(generated: Generated) -> None:
    rows = generated.truth["identifiers"].to_pylist()
    owners: dict[Name, set[str]] = defaultdict(set)
    kinds: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        owners[(row["kind"], row["value"])].add(row["truth_id"])
        kinds[row["truth_id"]].add(row["kind"])
    household = dict(
        zip(
            *(generated.truth["persons"].column(name).to_pylist() for name in ("truth_id", "household_id")), strict=True
        )
    )
    kiosks = [people for (_, value), people in owners.items() if value.startswith("kiosk")]
    tablets = [p for (k, v), p in owners.items() if len(p) > 1 and k == "device" and not v.startswith("kiosk")]
    assert max(map(len, kiosks)) > 20
    assert tablets and all(len({household[person] for person in people}) == 1 for people in tablets)
    assert sum(kinds[person] <= {"cookie", "device"} for person in household) > 50


def test_typing_errors_are_addresses_of_nobody_else(generated: Generated) -> None:
    by_person: dict[str, set[str]] = defaultdict(set)
    for row in generated.truth["identifiers"].to_pylist():
        if row["kind"] == "email":
            by_person[row["truth_id"]].add(row["value"])
    everything = Counter(value for values in by_person.values() for value in values)
    assert max(everything.values()) == 1
    assert max(map(len, by_person.values())) <= 5


def test_nobody_is_seen_after_leaving(generated: Generated) -> None:
    left = dict(
        zip(*(generated.truth["churn"].column(name).to_pylist() for name in ("truth_id", "churned_on")), strict=True)
    )
    assert 0.1 < len(left) / generated.town.n_persons < 0.2
    for event in generated.events:
        number = event["messageId"].split("-")[1]
        if number.isdigit() and (gone := left.get(f"T{int(number):07d}")):
            assert event["timestamp"][:10] <= gone.isoformat()


def test_consent_is_given_refused_and_withdrawn(generated: Generated) -> None:
    persons = generated.truth["persons"].to_pylist()
    n = len(persons)
    assert 0.035 < sum(not row["consent_measurement"] for row in persons) / n < 0.085
    assert 0.5 < sum(row["consent_personalisation"] for row in persons) / n < 0.66
    said: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    seen: set[str] = set()
    for event in sorted(generated.events, key=lambda event: event["timestamp"]):
        cookie, number = event.get("anonymousId"), event["messageId"].split("-")[1]
        consent = event["context"].get("consent")
        if consent:
            assert cookie not in seen
            said[number].append((event["timestamp"], consent["categoryPreferences"]["marketing"]))
            seen.add(cookie)
        name, said_of = event.get("event"), event.get("properties", {})
        if name in ("Consent Given", "Consent Withdrawn") and said_of["purpose"] == "marketing":
            said[number].append((event["timestamp"], name == "Consent Given"))
    final = {row["truth_id"]: row["consent_marketing"] for row in persons}
    for number, decisions in said.items():
        assert sorted(decisions)[-1][1] == final[f"T{int(number):07d}"]
    assert len(generated.by_name["Consent Withdrawn"]) > 20


def test_a_town_of_one_has_a_truth(tmp_path: Path) -> None:
    Town(1, 1, date(2026, 1, 31)).write_truth(tmp_path)
    assert load(tmp_path)["persons"].num_rows == 1
