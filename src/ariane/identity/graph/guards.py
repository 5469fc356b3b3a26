"""What the rules make of an identifier's evidence, and of two components together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ariane.identity.claiming import claims_among, contradicted
from ariane.identity.evidence import Edge
from ariane.identity.graph.columns import (
    BLOCKED,
    CARRIES,
    INERT,
    MEETS,
    OWN,
    PASSED,
    RETRACTED,
    SHARED,
    WEAKLY,
    WITHHELD,
)
from ariane.identity.solving import links_of, passed_on, shared_among

if TYPE_CHECKING:
    from ariane.identity.graph.graph import Graph


def claimed(graph: Graph, low: int, high: int) -> int:
    """Which of two identifiers that met an account claims by it: its place; -1 when neither is an account, or both."""
    limits, kind = graph.limits, graph.nodes.kind
    one, other = limits[kind[low]] == 1, limits[kind[high]] == 1
    return -1 if one == other else high if one else low


def marks_of(graph: Graph, place: int) -> int:
    """The marks an identifier's evidence gives it; whether it is blocked is not for evidence to say."""
    marks = graph.nodes.marks[place]
    if marks & BLOCKED:
        return marks & OWN
    return (SHARED if _is_shared(graph, place) else 0) | (PASSED if _is_passed_on(graph, place) else 0)


def _is_shared(graph: Graph, place: int) -> bool:
    """Whether an identifier met too many unique ones for it to be one person's."""
    nodes, edges = graph.nodes, graph.edges
    shared_after = graph.shared_after[nodes.kind[place]]
    if not shared_after or nodes.degree[place] < shared_after or not _may_be_shared(graph, place, shared_after):
        return False
    kinds, met = _accounts(graph, place)
    if not met:
        for edge, other in edges.of(nodes, place):
            if edges.rule[edge] == WEAKLY and edges.status[edge] < WITHHELD:
                met.append(graph.evidence(edge))
                theirs, claims = _accounts(graph, other)
                kinds |= theirs
                met += claims
    return len(kinds) > shared_after and nodes.key[place] in shared_among(kinds, met, graph.rules)


def _may_be_shared(graph: Graph, place: int, shared_after: int) -> bool:
    """Whether there is evidence enough for it, whatever became of it: nearly always there is not, and that is soon
    seen."""
    nodes, rules, limits, kind = graph.nodes, graph.edges.rule, graph.limits, graph.nodes.kind
    met, beside = 0, []
    for edge, other in graph.edges.of(nodes, place):
        if limits[kind[other]] == 1:
            met += 1
        elif rules[edge] == WEAKLY:
            beside.append(other)
    if met >= shared_after:
        return True
    for place in beside:
        for _, other in graph.edges.of(nodes, place):
            met += limits[kind[other]] == 1
    return met >= shared_after


def _accounts(graph: Graph, place: int) -> tuple[dict[int, str], list[Edge]]:
    """An identifier and the unique ones it met, with their kinds; and the evidence of that."""
    nodes, edges = graph.nodes, graph.edges
    if nodes.marks[place] & BLOCKED:
        return {}, []
    kinds = {nodes.key[place]: graph.kinds[nodes.kind[place]]}
    met: list[Edge] = []
    for edge, other in edges.of(nodes, place):
        unique = graph.limits[nodes.kind[other]] == 1 and not nodes.marks[other] & BLOCKED
        if unique and edges.status[edge] < WITHHELD:
            kinds[nodes.key[other]] = graph.kinds[nodes.kind[other]]
            met.append(graph.evidence(edge))
    return kinds, met


def refuted(graph: Graph, edge: int) -> bool:
    """Whether evidence is contradicted by what claims its ends."""
    ends = graph.edges.ends
    one, claims = _accounts(graph, ends[2 * edge])
    if not claims:
        return False
    other, theirs = _accounts(graph, ends[2 * edge + 1])
    kinds = one | other
    return bool(theirs) and contradicted(graph.evidence(edge), kinds, claims_among(kinds, claims + theirs, graph.rules))


def is_withheld(graph: Graph, edge: int) -> bool:
    """Whether evidence is of a purpose that an end refused, or an account that an end met."""
    bound = graph.bound[graph.edges.rule[edge]]
    if not bound or not graph.n_refusing:
        return False
    ends = graph.edges.ends
    return bool(bound & (refusals(graph, ends[2 * edge]) | refusals(graph, ends[2 * edge + 1])))


def refusals(graph: Graph, place: int) -> int:
    """The purposes an identifier said no to, itself or by an account it met, a bit each. They met whether the evidence
    of it is withheld or not: else a refusal could undo itself."""
    nodes, edges, limits = graph.nodes, graph.edges, graph.limits
    bits = nodes.refuses[place]
    if limits[nodes.kind[place]] != 1:
        for edge, other in edges.of(nodes, place):
            if nodes.refuses[other] and limits[nodes.kind[other]] == 1 and not nodes.marks[other] & BLOCKED:
                bits |= nodes.refuses[other] if edges.rule[edge] in MEETS and edges.status[edge] < RETRACTED else 0
    return bits


def _is_passed_on(graph: Graph, place: int) -> bool:
    nodes, edges = graph.nodes, graph.edges
    if nodes.degree[place] <= graph.rules.carried.passed_on_after:
        return False
    links = [
        graph.evidence(edge)
        for edge, _ in edges.of(nodes, place)
        if edges.rule[edge] == CARRIES and edges.status[edge] < WITHHELD
    ]
    return bool(links) and links_of(nodes.key[place]) in passed_on(links, graph.rules)


def fit(graph: Graph, one: int, other: int) -> bool:
    """Whether two components keep, together, within every limit, whenever their identifiers were first seen."""
    nodes, limits = graph.nodes, graph.limits
    small, large = (one, other) if nodes.size[one] <= nodes.size[other] else (other, one)
    if nodes.size[small] == 1 and not limits[nodes.kind[small]]:
        return True
    counts: dict[int, int] = {}
    for place in nodes.component(small):
        kind = nodes.kind[place]
        if limits[kind]:
            counts[kind] = counts.get(kind, 0) + 1
    if counts:
        for place in nodes.component(large):
            kind = nodes.kind[place]
            if kind in counts:
                counts[kind] += 1
    return all(n <= limits[kind] for kind, n in counts.items())


def held_apart(graph: Graph, one: int, other: int) -> bool:
    """Whether an identifier of one component and one of the other were separated by hand."""
    if not graph.apart:
        return False
    nodes = graph.nodes
    small, large = (one, other) if nodes.size[one] <= nodes.size[other] else (other, one)
    kept = {key for place in nodes.component(small) for key in graph.apart.get(nodes.key[place], ())}
    return any(nodes.root[place] == large for key in kept if (place := nodes.place_of(key)) >= 0)


def judge_all(graph: Graph, blocked: Iterable[int]) -> None:
    """Have everything solved anew, as after a change of the rules; these keys, and no others, name nobody."""
    nodes, edges = graph.nodes, graph.edges
    for place in range(len(nodes)):
        graph.spoil(place)
    for place in range(len(nodes)):
        nodes.marks[place] &= ~OWN
    for key in blocked:
        nodes.marks[nodes.place_of(key)] |= BLOCKED
    for edge in range(len(edges)):
        if edges.status[edge] < RETRACTED:
            graph.judge(edge, WITHHELD if is_withheld(graph, edge) else INERT)
    for place in range(len(nodes)):
        nodes.marks[place] |= marks_of(graph, place)
    for edge in range(len(edges)):
        if edges.status[edge] < WITHHELD and graph.has_power(edge):
            graph.splice(edges.ends[2 * edge], edges.ends[2 * edge + 1])
