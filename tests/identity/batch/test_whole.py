"""The whole history at once gives what solving gives, identifier by identifier, edge by edge."""

from __future__ import annotations

import random as chance

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ariane.errors import InputError
from ariane.identity.batch import group, solve_all
from ariane.identity.commands import RULES as EVIDENCE
from ariane.identity.evidence import Edge
from ariane.identity.rules import Rules, _default_table, read_rules
from ariane.identity.solving import Known, Person, has_power, shared_among, solve
from ariane.identity.withholding import withheld_among

TIGHT = read_rules(
    "[purposes]\nlogin = 'sharing'\nweak = 'measurement'\n[kinds.email]\nlimit = 2\n[kinds.device]\nlimit = 2\n"
    "shared_after = 3", "t", base=_default_table(),
)  # fmt: skip
KINDS = ("user_id", "user_id", "email", "cookie", "device", "phone", "unheard_of")
Evidence = tuple[Edge, bool]
History = tuple[list[Known], list[Evidence], list[tuple[int, int]], dict[int, set[str]]]


def history(random: chance.Random, n: int, n_edges: int) -> History:
    """Identifiers, (edge, whether retracted), separations, and what identifiers refuse."""
    known = [
        Known(random.randrange(-(2**63), 2**63), random.choice(KINDS), random.randrange(9), random.random() < 0.08)
        for _ in range(n)
    ]
    keys = [each.key for each in known]
    pairs = [tuple(sorted(random.sample(keys, 2))) for _ in range(n_edges if n > 1 else 0)]
    edges = {(a, b, rule): None for a, b in pairs for rule in random.sample(EVIDENCE, random.choice((1, 1, 2)))}
    listed = [(Edge(*each, random.randrange(9)), random.random() < 0.15) for each in edges]
    apart = [tuple(sorted(random.sample(keys, 2))) for _ in range(random.randrange(3) if n > 1 else 0)]
    refusals = {key: {random.choice(("measurement", "sharing"))} for key in keys if random.random() < 0.1}
    return known, listed, [(a, b) for a, b in apart], refusals


def tables(known: list[Known], edges: list[Evidence]) -> tuple[pa.Table, pa.Table]:
    schema = pa.schema([("key", pa.int64()), ("kind", pa.string()), ("first_us", pa.int64()), ("status", pa.string())])
    rows = [
        {"key": k.key, "kind": k.kind, "first_us": k.first_us, "status": "blocked" if k.blocked else "live"}
        for k in known
    ]
    ends = [("a_key", pa.int64()), ("b_key", pa.int64()), ("rule", pa.string()), *list(schema)[2:]]
    evidence = [
        {"a_key": e.a, "b_key": e.b, "rule": e.rule, "first_us": e.first_us, "status": "retracted" if gone else "live"}
        for e, gone in edges
    ]
    return pa.Table.from_pylist(rows, schema), pa.Table.from_pylist(evidence, pa.schema(ends))


def truth(
    known: list[Known], edges: list[Evidence], apart: list[tuple[int, int]], refusals: dict[int, set[str]], rules: Rules
) -> list[list[object]]:
    """What `solve` says, as rows."""
    kinds, blocked = {each.key: each.kind for each in known}, {each.key for each in known if each.blocked}
    withheld = withheld_among(kinds, [edge for edge, gone in edges if not gone], refusals, rules, blocked)
    live = [edge for edge, gone in edges if not gone and edge not in withheld]
    persons = solve(known, live, apart, rules)
    of: dict[int, Person] = {key: person for person in persons for key in person.keys}
    shared = shared_among({key: kind for key, kind in kinds.items() if key not in blocked}, live, rules)
    status = {key: "blocked" if key in blocked else "shared" if key in shared else "live" for key in of}
    judged = [
        "retracted" if gone
        else "withheld" if edge in withheld
        else "inert" if {edge.a, edge.b} & blocked or not has_power(edge, shared)
        else "live" if of[edge.a] is of[edge.b]
        else "refused"
        for edge, gone in edges
    ]  # fmt: skip
    rows = [[each.key, of[each.key].component, of[each.key].person_id, status[each.key]] for each in known]
    return [*rows, list(judged)]


def found(
    known: list[Known], edges: list[Evidence], apart: list[tuple[int, int]], refusals: dict[int, set[str]], rules: Rules
) -> list[list[object]]:
    solved = solve_all(*tables(known, edges), apart, rules, refusals)
    return [*[list(row.values()) for row in solved.identifiers.to_pylist()], solved.edges.column("status").to_pylist()]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 24), st.integers(0, 30), st.booleans())
def test_solving_in_bulk_is_solving(seed, n, n_edges, tight) -> None:
    rules = TIGHT if tight else Rules.default()
    given_ = history(chance.Random(seed), n, n_edges)
    assert found(*given_, rules) == truth(*given_, rules)


def test_a_large_random_history_too() -> None:
    """Large enough that components of every sort occur: plain, over a limit, held apart, shared, blocked."""
    random = chance.Random(4)
    given_ = history(random, 3000, 1500)
    expected = truth(*given_, TIGHT)
    assert found(*given_, TIGHT) == expected
    assert set(expected[-1]) == {"live", "refused", "inert", "withheld", "retracted"}
    assert solve_all(*tables(*given_[:2]), given_[2], TIGHT, given_[3]).n_replayed > 20


def test_a_thousand_orders_give_the_same_persons() -> None:
    """1,000 orders, each of a history with merges by hand, limits, separations, duplicates and evidence taken back."""
    random = chance.Random(7)
    for _ in range(50):
        known, edges, apart, _ = history(random, 20, 24)
        live = [edge for edge, gone in edges if not gone]
        expected = solve(known, live, apart, TIGHT)
        for _ in range(20):
            shuffled = [*live, *random.sample(live, len(live) // 3)]
            random.shuffle(shuffled), random.shuffle(known), random.shuffle(apart)
            assert solve(known, shuffled, apart, TIGHT) == expected


@pytest.mark.parametrize("compiled", [False, True])
def test_groups_are_those_of_a_plain_search(compiled: bool) -> None:
    if compiled:
        pytest.importorskip("numba")
    random = np.random.default_rng(2)
    names = random.integers(-(2**63), 2**63 - 1, 900)
    a, b = names[random.integers(0, 900, 700)], names[random.integers(0, 900, 700)]
    keys, numbers = group(a, b, compiled)
    near: dict[int, set[int]] = {int(key): set() for key in keys}
    for one, other in zip(a.tolist(), b.tolist(), strict=True):
        near[one].add(other), near[other].add(one)
    assert set(near) == set(a.tolist()) | set(b.tolist()) and len(near) == keys.size
    expected: dict[int, int] = {}
    for key in keys.tolist():  # in order of first appearance, so groups are numbered alike
        reached, number = [key] if key not in expected else [], len(set(expected.values()))
        while reached:
            at = reached.pop()
            if at not in expected:
                expected[at] = number
                reached += near[at]
    assert dict(zip(keys.tolist(), numbers.tolist(), strict=True)) == expected


def test_an_edge_to_nobody_is_refused() -> None:
    known, edges = tables([Known(1, "cookie", 0)], [(Edge(1, 2, "login", 0), False)])
    with pytest.raises(InputError, match="not among the identifiers"):
        solve_all(known, edges, [], Rules.default())
