"""The online graph says what solving all the evidence at once says, whatever came in whatever order, and undone."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ariane.identity.graph import Graph, settle
from ariane.identity.rules import Rules, _default_table, read_rules
from ariane.identity.solving import Edge, Known, has_power, shared_among, solve
from ariane.identity.withholding import withheld_among
from ariane.model import DAY

KINDS = ["user_id"] * 4 + ["email"] * 4 + ["cookie"] * 6 + ["device"] * 3
FIRSTS = [7, 3, 9, 1, 4, 4, 8, 2, 6, 6, 5, 11, 10, 12, 3, 1, 9]
KEYS = [(n * 0x9E3779B97F4A7C15 & (1 << 63) - 1) - (1 << 62) for n in range(1, 18)]
TIGHT = read_rules(
    "[carried]\npassed_on_after = 2\n[kinds.email]\nlimit = 2\n[kinds.device]\nlimit = 2\nshared_after = 3", "t",
    base=_default_table(),
)  # fmt: skip
IN_TIME = read_rules(
    "[purposes]\nlogin = 'sharing'\nmanual = 'sharing'\nweak = 'measurement'\n"
    "[kinds.email]\nlimit = 2\nwithin_days = 2\n[kinds.cookie]\nshared_after = 2\nshared_within_days = 3", "t",
    base=_default_table(),
)  # fmt: skip
GONE = ("retracted", "absent")
EVIDENCE = ["login", "observed", "weak", "manual", "carried", "carried", "suggested"]

pairs = st.tuples(st.integers(0, 16), st.integers(0, 16)).filter(lambda pair: KEYS[pair[0]] < KEYS[pair[1]])
seen = st.tuples(st.just("tie"), pairs, st.sampled_from(EVIDENCE), st.integers(1, 30))
taken = st.tuples(st.just("retract"), pairs, st.sampled_from(EVIDENCE), st.just(0))
given_back = st.tuples(st.just("restore"), pairs, st.sampled_from(["login", "weak", "carried"]), st.just(0))
purposes = st.lists(st.sampled_from(["measurement", "cross_device", "sharing"]), max_size=2)
answered = st.tuples(st.just("answer"), pairs, st.just(""), purposes)
parted = st.tuples(st.sampled_from(["separate", "lift"]), pairs, st.just(""), st.just(0))
history = st.lists(st.one_of(seen, seen, seen, taken, given_back, parted, answered), max_size=40)


def play(graph: Graph, done: list[Any]) -> None:
    for what, (a, b), rule, at in done:
        low, high = KEYS[a], KEYS[b]
        if what == "tie":
            for one in (a, b):
                graph.see(KEYS[one], KINDS[one], (FIRSTS[one] + at % 4) * DAY)
            graph.tie(low, high, rule, at * DAY, (at + at % 3) * DAY)
        elif what == "retract":
            graph.retract(low, high, rule)
        elif what == "restore":
            graph.restore(low, high, rule)
        elif what == "answer":
            graph.refuse(low, at)
        else:
            graph.separate(low, high, stands=what == "separate")


def named(graph: Graph, edge: int) -> tuple[int, int, str]:
    one = graph.evidence(edge)
    return one.a, one.b, one.rule


def standing(graph: Graph) -> dict[int, tuple[str, int, str]]:
    return {key: graph.standing(key) for key in graph.nodes.key}


def asked_of_all(graph: Graph, rules: Rules) -> tuple[dict[int, tuple[str, int, str]], dict[Any, str]]:
    """Each identifier's standing and each edge's status, from all the evidence at once."""
    nodes, edges = graph.nodes, graph.edges
    known = [Known(key, graph.kinds[nodes.kind[n]], nodes.first_us[n]) for n, key in enumerate(nodes.key)]
    given = [graph.evidence(edge) for edge in range(len(edges)) if graph.status_of(*named(graph, edge)) not in GONE]
    kinds = {one.key: one.kind for one in known}
    withheld = withheld_among(kinds, given, {key: graph.refused_by(key) for key in kinds}, rules)
    live = [edge for edge in given if edge not in withheld]
    apart = [(a, b) for a in graph.apart for b in graph.apart[a] if a < b]
    shared = shared_among(kinds, live, rules)
    persons = solve(known, live, apart, rules)
    whose = {key: person for person in persons for key in person.keys}
    stands = {
        key: ("shared" if key in shared else "live", person.component, person.person_id)
        for key, person in whose.items()
    }

    def status(edge: Edge) -> str:
        if edge in withheld:
            return "withheld"
        if not has_power(edge, shared):
            return "inert"
        return "live" if whose[edge.a] == whose[edge.b] else "refused"

    return stands, {(edge.a, edge.b, edge.rule): status(edge) for edge in given}


@settings(max_examples=150, deadline=None)
@given(history, st.sampled_from([Rules.default(), TIGHT, IN_TIME]), st.lists(st.integers(1, 5), max_size=40))
def test_whatever_happens_the_graph_stands_as_all_its_evidence_says(done, rules, pauses) -> None:
    graph = Graph(rules)
    at = 0
    people: dict[int, str] = {}
    for pause in [*pauses, len(done)]:
        play(graph, done[at : at + pause])
        at += pause
        was = dict(people)
        told = settle(graph)
        people = {key: stands[2] for key, stands in standing(graph).items()}
        assert told.fresh == people.keys() - was.keys()
        changed = {key for key in was if was[key] != people[key]}
        assert changed <= told.moved
        lost = {was[key] for key in changed}
        assert told.before == {key: person for key, person in was.items() if person in lost}
        for person, keys in {**told.persons, **told.born}.items():
            assert sorted(keys) == sorted(key for key, whose in people.items() if whose == person)
        assert {people[key] for key in changed} | (lost & set(people.values())) <= told.persons.keys()
        assert {people[key] for key in told.fresh} == {people[key] for key in told.fresh} & (
            told.persons.keys() | told.grown.keys() | told.born.keys()
        )
    stands, statuses = asked_of_all(graph, rules)
    assert standing(graph) == stands
    assert {pair: graph.status_of(*pair) for pair in statuses} == statuses


@settings(max_examples=60, deadline=None)
@given(history, history, st.sampled_from([Rules.default(), IN_TIME]))
def test_what_is_undone_leaves_nothing(first, then, rules) -> None:
    graph = Graph(rules)
    pairs = [(a, b) for a in range(17) for b in range(a % 5, 17, 5) if KEYS[a] < KEYS[b]]
    play(graph, [("tie", pair, "weak", 4) for pair in pairs])
    play(graph, first)
    settle(graph)
    before = standing(graph)
    evidence = {(low, high, rule) for _, (a, b), rule, _ in then if rule for low, high in [(KEYS[a], KEYS[b])]}
    was = {pair: graph.status_of(*pair) for pair in evidence}
    apart = {key: set(others) for key, others in graph.apart.items()}
    answers = {KEYS[a]: graph.refused_by(KEYS[a]) for what, (a, _), *_ in then if what == "answer"}
    keyed = [(what, KEYS[a], KEYS[b], rule, step) for step in then for what, (a, b), rule, _ in [step]]
    ties = [step for what, a, b, rule, step in keyed if what == "tie" and was[a, b, rule] == "absent"]
    splits = [step for what, a, b, _, step in keyed if what == "separate" and b not in graph.apart.get(a, ())]
    play(graph, [*ties, *splits, *(step for step in then if step[0] == "answer")])
    settle(graph)
    for key, refused in answers.items():
        graph.refuse(key, refused)
    play(graph, [("retract", *step[1:]) for step in reversed(ties)] + [("lift", *step[1:]) for step in splits])
    settle(graph)
    assert {pair: status for pair in was if (status := graph.status_of(*pair)) != was[pair]}.keys() <= {
        (KEYS[a], KEYS[b], rule) for _, (a, b), rule, _ in ties
    }
    assert standing(graph) == before
    assert dict(graph.apart) == apart
