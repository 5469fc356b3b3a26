"""Lets evidence follow what identifiers refuse: of a purpose somebody said no to, it is withheld until they say yes."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from ariane.identity.graph.columns import INERT, MEETS, RETRACTED, WITHHELD
from ariane.identity.graph.guards import claimed, refusals
from ariane.identity.graph.weighing import unweigh, weigh

if TYPE_CHECKING:
    from ariane.identity.graph.graph import Graph


def refuse(graph: Graph, key: int, purposes: Collection[str]) -> None:
    """These, of the purposes that evidence is used for, are the ones an identifier refuses from now on."""
    bits = graph.rules.bits_of(purposes)
    place = graph.nodes.place_of(key)
    if place < 0:
        graph.unmet.pop(key, None)
        if bits:
            graph.unmet[key] = bits
        return
    nodes, edges = graph.nodes, graph.edges
    was, nodes.refuses[place] = nodes.refuses[place], bits
    graph.n_refusing += bool(bits) - bool(was)
    if was == bits:
        return
    _review(graph, place, was ^ bits)
    if graph.limits[nodes.kind[place]] == 1:
        for edge, other in list(edges.of(nodes, place)):
            if edges.rule[edge] in MEETS and edges.status[edge] < RETRACTED:
                _review(graph, other, was ^ bits)


def met(graph: Graph, edge: int) -> None:
    """Two met, or it is taken back that they did: what one is an account and refuses holds of the other, or no more."""
    if not graph.n_refusing or graph.edges.rule[edge] not in MEETS:
        return
    low, high = graph.edges.ends[2 * edge], graph.edges.ends[2 * edge + 1]
    place = claimed(graph, low, high)
    if place >= 0 and (refused := graph.nodes.refuses[low if place == high else high]):
        _review(graph, place, refused)


def _review(graph: Graph, place: int, purposes: int) -> None:
    """Look again at an identifier's evidence for these purposes."""
    edges, own = graph.edges, refusals(graph, place)
    for edge, other in list(edges.of(graph.nodes, place)):
        bound, status = graph.bound[edges.rule[edge]], edges.status[edge]
        if not bound & purposes or status >= RETRACTED:
            continue
        withheld = bool(bound & own) or bool(bound & refusals(graph, other))
        if withheld and status != WITHHELD:
            unweigh(graph, edge, edges.ends[2 * edge], edges.ends[2 * edge + 1], WITHHELD)
        elif not withheld and status == WITHHELD:
            graph.judge(edge, INERT)
            weigh(graph, edge, edges.ends[2 * edge], edges.ends[2 * edge + 1])
