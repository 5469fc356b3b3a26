"""What several persons share: whose its anonymous events are, and who shares what with whom."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from ariane import consent
from ariane.errors import InputError
from ariane.identity import Rules
from ariane.identity.rules import HouseholdRule, read_rules
from ariane.identity.sharing import followed, households
from ariane.model import DAY, SECOND, Identifier
from ariane.store import DuckEngine, Lake, SparkEngine, schema_of
from lake_rows import DAY_ZERO

GAP_S = 1800
PERSONS = {"ana": "P-A", "ana@x.org": "P-A", "bob": "P-B", "cid": "P-C"}


def history(seed: int, n_events: int = 1500) -> list[dict[str, Any]]:
    """Events on shared tablets and browsers at instants that often tie and often lie just at the gap."""
    rng = random.Random(seed)
    at = dict.fromkeys(range(12), DAY_ZERO)
    rows = []
    for number in range(n_events):
        machine = rng.randrange(12)
        at[machine] += rng.choice([0, 1, 60, GAP_S, GAP_S, GAP_S + 1, 7200]) * SECOND + rng.choice([0, 0, 1])
        who = rng.choice([None, None, None, "ana", "ana", "ana@x.org", "bob", "cid"])
        cookie = rng.choice([f"c-{machine}", f"c-{machine}", None])
        device = rng.choice([f"d-{machine // 2}", None]) if cookie else f"d-{machine // 2}"
        named = [("email" if "@" in who else "user_id", who)] if who else []
        named += [("cookie", cookie)] if cookie else []
        named += [("device", device)] if device else []
        rows.append(
            {
                "event_id": f"e-{number}", "event": "Seen", "type": "track",
                "channel": "store" if machine == 11 else "web",
                "occurred_us": at[machine], "event_on": date(1970, 1, 1) + timedelta(days=at[machine] // DAY),
                "anonymous_id": cookie, "ctx_device_id": device, "user_id": who if who and "@" not in who else None,
                "subject_key": Identifier(*named[0]).key, "is_bot": rng.random() < 0.03, "carried": named,
            }
        )  # fmt: skip
    return rows


def oracle(rows: list[dict[str, Any]]) -> set[tuple[int, int, str]]:
    """(subject, instant, person), event by event."""
    by_machine: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        for kind, value in row["carried"]:
            if kind in ("cookie", "device") and not row["is_bot"]:
                by_machine[Identifier(kind, value).key].append(row)
    found = set()
    for machine, met in by_machine.items():
        met.sort(key=lambda row: row["occurred_us"])
        sessions = [[met[0]]]
        for before, row in pairwise(met):
            if row["occurred_us"] - before["occurred_us"] > GAP_S * SECOND:
                sessions.append([])
            sessions[-1].append(row)
        for session in sessions:
            signed = {PERSONS[row["carried"][0][1]] for row in session if row["carried"][0][1] in PERSONS}
            if len(signed) == 1:
                own = {row["occurred_us"] for row in session if row["subject_key"] == machine}
                found |= {(machine, at, *signed) for at in own}
    return found


def shared_days(rows: list[dict[str, Any]]) -> dict[tuple[str, str, int], int]:
    """(person, person, machine) → days of whoever was seen there on fewer; no machine in a shop."""
    days: dict[tuple[int, str], set[int]] = defaultdict(set)
    in_shops = set()
    for row in rows:
        for kind, value in row["carried"]:
            if kind in ("cookie", "device") and not row["is_bot"]:
                machine = Identifier(kind, value).key
                if row["channel"] == "store":
                    in_shops.add(machine)
                if row["carried"][0][1] in PERSONS:
                    days[machine, PERSONS[row["carried"][0][1]]].add(row["occurred_us"] // DAY)
    return {
        (a, b, machine): min(len(days[machine, a]), len(days[machine, b]))
        for machine in {machine for machine, _ in days} - in_shops
        for a, b in combinations(sorted(set(PERSONS.values())), 2)
        if days[machine, a] and days[machine, b]
    }


def pairs_of(engine: Any, rules: Rules) -> dict[tuple[str, str, int], int]:
    rows = engine.run(households(engine, rules)).to_pylist()
    return {(row["person_a"], row["person_b"], row["identifier_key"]): row["n_days"] for row in rows}


def write(root: Path, rows: list[dict[str, Any]], refuses: str = "") -> Lake:
    lake = Lake(root)
    events = [{name: value for name, value in row.items() if name != "carried"} for row in rows]
    lake.append("events", pa.Table.from_pylist(events, schema=schema_of("events")))
    named = {pair for row in rows for pair in row["carried"]}
    identifiers = [
        {
            "key": Identifier(kind, value).key, "kind": kind, "value": value,
            "person_id": PERSONS.get(value, f"P-{kind}-{value}"), "status": "live" if value in PERSONS else "shared",
        }
        for kind, value in sorted(named)
    ]  # fmt: skip
    lake.replace("identifiers", pa.Table.from_pylist(identifiers, schema=schema_of("identifiers")))
    said = [{"person_id": refuses, "purpose": "measurement", "channel": "", "granted": False, "decided_us": DAY_ZERO}]
    lake.replace("consents", pa.Table.from_pylist(said if refuses else [], schema=schema_of("consents")))
    return lake


def told(engine: Any) -> set[tuple[int, int, str]]:
    rows = engine.run(followed(engine, Rules.default())).to_pylist()
    names = {Identifier("email" if "@" in name else "user_id", name).key: who for name, who in PERSONS.items()}
    return {(row["subject_key"], row["occurred_us"], names[row["account_key"]]) for row in rows}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[dict[str, Any]], DuckEngine]]:
    rows = history(5)
    engine = DuckEngine(write(tmp_path_factory.mktemp("shared") / "lake", rows, refuses="P-B"))
    engine.lake.replace("followed", engine.run(followed(engine, Rules.default())))
    engine.refresh()
    yield rows, engine
    engine.close()


def test_anonymous_events_follow_the_one_who_signed_in(
    shared: tuple[list[dict[str, Any]], DuckEngine], tmp_path: Path
) -> None:
    rows, engine = shared
    expected = oracle(rows)
    assert told(engine) == expected and {who for *_, who in expected} == set(PERSONS.values())
    other = list(rows)
    random.Random(1).shuffle(other)
    again = DuckEngine(write(tmp_path / "lake", other))
    assert told(again) == expected, "in any order"
    again.close()


def test_who_shares_a_machine_lives_together_unless_it_is_everybodys(
    shared: tuple[list[dict[str, Any]], DuckEngine],
) -> None:
    rows, engine = shared
    expected = shared_days(rows)
    assert len(expected) > 30 and max(expected.values()) > 2
    assert pairs_of(engine, Rules.default()) == expected
    strict = msgspec.structs.replace(Rules.default(), household=HouseholdRule(most=2))
    at = [machine for *_, machine in expected]
    assert pairs_of(engine, strict).keys() == {one for one in expected if at.count(one[2]) < 2}
    with pytest.raises(InputError, match=r"household\.most.*2 or more"):
        read_rules("[household]\nmost = 1", "identity.toml", base={"kinds": {"email": {"priority": 80}}})


@pytest.mark.needs("spark")
def test_spark_says_the_same(shared: tuple[list[dict[str, Any]], DuckEngine], spark: str) -> None:
    rows, engine = shared
    distributed = SparkEngine(engine.lake, spark)
    assert told(distributed) == oracle(rows)
    assert pairs_of(distributed, Rules.default()) == shared_days(rows)
    ours, theirs = (
        each.run(consent.population(each, "measurement").persons).sort_by("person_id") for each in (engine, distributed)
    )
    assert ours.to_pylist() == theirs.to_pylist()
    distributed.close()


def test_such_events_are_read_as_the_persons(shared: tuple[list[dict[str, Any]], DuckEngine]) -> None:
    rows, engine = shared
    follows = {(subject, at): who for subject, at, who in oracle(rows)}
    holder = {
        row["event_id"]: follows.get(
            (row["subject_key"], row["occurred_us"]),
            PERSONS.get(row["carried"][0][1], "P-{}-{}".format(*row["carried"][0])),
        )
        for row in rows
    }
    read = consent.population(engine, "measurement")
    found = {row["event_id"]: row["person_id"] for row in engine.run(read.events).to_pylist()}
    humans = {row["event_id"] for row in rows if not row["is_bot"]}
    assert found == {one: who for one, who in holder.items() if one in humans and who != "P-B"}, (
        "nothing of who refuses"
    )
    assert read.n_held_back() == 1
    one = consent.population(engine, "measurement", person_id="P-A")
    assert set(engine.run(one.events).column("event_id").to_pylist()) == {i for i, who in found.items() if who == "P-A"}
    seen = engine.run(read.everything()).to_pylist()
    assert {row["event_id"]: row["person_id"] for row in seen} == {i: w for i, w in holder.items() if w != "P-B"}
