"""Lets evidence do what it does to the components at its ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.identity.graph.columns import (
    CARRIES,
    DIRTY,
    INERT,
    LIVE,
    OWN,
    PARTED,
    REFUSED,
    REPLAYS,
    SHARED,
    WEAKLY,
    WITHHELD,
)
from ariane.identity.graph.guards import claimed, fit, held_apart, is_withheld, marks_of, refuted

if TYPE_CHECKING:
    from ariane.identity.graph.graph import Graph


def weigh(graph: Graph, edge: int, low: int, high: int) -> None:
    """Let evidence do what it does to the components at its ends."""
    nodes, rule = graph.nodes, graph.edges.rule[edge]
    if is_withheld(graph, edge):
        graph.judge(edge, WITHHELD)
        return
    claims = claimed(graph, low, high)
    if claims >= 0 and rule != CARRIES:
        reconsider(graph, claims)
    elif rule in (WEAKLY, CARRIES):
        mark(graph, low, marks_of(graph, low))
        mark(graph, high, marks_of(graph, high))
    if not graph.has_power(edge):
        graph.judge(edge, INERT)
        return
    graph.judge(edge, LIVE)
    one, other = nodes.root[low], nodes.root[high]
    marks = nodes.marks[one] | nodes.marks[other] | nodes.marks[low] | nodes.marks[high]
    if one == other:
        if marks & (PARTED | DIRTY) or rule in REPLAYS:
            graph.spoil(low)
    elif marks & (PARTED | DIRTY | SHARED) or rule in REPLAYS or not fit(graph, one, other):
        if refuted(graph, edge):
            graph.judge(edge, REFUSED)
        else:
            graph.splice(one, other)
    elif held_apart(graph, one, other):
        graph.splice(one, other)
    else:
        younger = other if nodes.age(nodes.oldest[one]) < nodes.age(nodes.oldest[other]) else one
        if nodes.size[younger] > 1 or younger not in graph.fresh:
            graph.remember(nodes.component(younger))
        nodes.join(one, other)


def unweigh(graph: Graph, edge: int, low: int, high: int, status: int) -> None:
    """Let evidence count no more, for the reason that its new status is."""
    graph.judge(edge, status)
    for place in (low, high):
        graph.spoil(place)
        mark(graph, place, marks_of(graph, place))
    claims = claimed(graph, low, high)
    if claims >= 0:
        reconsider(graph, claims)


def again(graph: Graph, edge: int, low: int, high: int, *, earlier: bool) -> None:
    """Evidence was seen again, later, or `earlier` than ever: it may now come before other evidence."""
    if earlier:
        for place in (low, high):
            if graph.nodes.marks[graph.nodes.root[place]] & PARTED:
                graph.spoil(place)
        if graph.edges.status[edge] == REFUSED and not refuted(graph, edge):
            graph.splice(low, high)
    if graph.watched:
        mark(graph, low, marks_of(graph, low))
        mark(graph, high, marks_of(graph, high))


def reconsider(graph: Graph, place: int) -> None:
    """The accounts that claim an identifier are others than before."""
    mark(graph, place, marks_of(graph, place))
    ripple(graph, place)


def mark(graph: Graph, place: int, marks: int) -> None:
    """Give an identifier its marks; what that takes power from, or gives it back, is solved again."""
    was = graph.nodes.marks[place] & OWN
    if marks != was:
        graph.spoil(place)
        graph.nodes.marks[place] ^= was ^ marks
        if was & ~marks:
            free(graph, place)


def free(graph: Graph, place: int) -> None:
    """What an identifier could not tie, it ties again."""
    for edge, other in list(graph.edges.of(graph.nodes, place)):
        if graph.edges.status[edge] < WITHHELD and graph.has_power(edge):
            graph.splice(place, other)


def ripple(graph: Graph, place: int) -> None:
    """Let what was seen beside an identifier follow, when the accounts that claim it are others than before."""
    nodes, edges = graph.nodes, graph.edges
    for edge, other in list(edges.of(nodes, place)):
        status = edges.status[edge]
        if status >= WITHHELD:
            continue
        if edges.rule[edge] == WEAKLY:
            mark(graph, other, marks_of(graph, other))
        if status == REFUSED and nodes.root[place] != nodes.root[other] and not refuted(graph, edge):
            graph.splice(place, other)
