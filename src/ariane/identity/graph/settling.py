"""Solves again the components that were marked, and tells what changed since this was last done."""

from __future__ import annotations

from collections import defaultdict

from ariane.identity.commands import REPLAYED, RULES
from ariane.identity.evidence import Edge
from ariane.identity.graph.columns import (
    BLOCKED,
    INERT,
    LIVE,
    PARTED,
    PASSED,
    REFUSED,
    SHARED,
    STATUSES,
    WITHHELD,
)
from ariane.identity.graph.graph import Graph
from ariane.identity.graph.settled import Settled
from ariane.identity.solving import Known, Person, links_of, partition

_LONE = SHARED | BLOCKED


def settle(graph: Graph) -> Settled:
    """Bring the graph's persons to what its evidence makes of them; what changed since the last time."""
    for root in {graph.nodes.root[place] for place in graph.dirty}:
        _solve(graph, root)
    graph.dirty.clear()
    told = _told(graph)
    for noted in (graph.before, graph.fresh, graph.judged, graph.new_edges):
        noted.clear()
    return told


def _solve(graph: Graph, root: int) -> None:
    """The persons of one marked component, from its evidence."""
    nodes = graph.nodes
    places = list(nodes.component(root))
    graph.remember(places)
    at = {nodes.key[place]: place for place in places}
    known = {
        key: Known(key, graph.kinds[nodes.kind[place]], nodes.first_us[place], bool(nodes.marks[place] & BLOCKED))
        for key, place in at.items()
    }
    shared = {key for key, place in at.items() if nodes.marks[place] & SHARED}
    apart = [(a, b) for a in at if a in graph.apart for b in graph.apart[a] if a < b and b in at] if graph.apart else []
    touching = {edge for place in places for edge, _ in graph.edges.of(nodes, place)}
    shared |= {links_of(key) for key, place in at.items() if nodes.marks[place] & PASSED}
    inner = _inner(graph, root, touching)
    persons = partition(known, inner, apart, shared, graph.rules)
    replayed = {edge.a for edge in inner if edge.rule in REPLAYED}
    groups: defaultdict[int, list[Person]] = defaultdict(list)
    for person in persons:
        groups[person.component].append(person)
    for place in places:
        graph.parts.pop(place, None)
    for component, several in groups.items():
        _regroup(graph, at, component, several, replayed)
    for edge in touching:
        graph.judge(edge, _status(graph, edge))


def _inner(graph: Graph, root: int, touching: set[int]) -> list[Edge]:
    roots, ends, status = graph.nodes.root, graph.edges.ends, graph.edges.status
    return [
        graph.evidence(edge)
        for edge in touching
        if status[edge] < WITHHELD and roots[ends[2 * edge]] == root == roots[ends[2 * edge + 1]]
    ]


def _regroup(graph: Graph, at: dict[int, int], component: int, persons: list[Person], replayed: set[int]) -> None:
    """Make the persons of one raw component stand in the columns. One with evidence that is always replayed (its ends
    are in `replayed`) may be several persons as soon as it grows."""
    nodes = graph.nodes
    places = [at[key] for person in persons for key in person.keys]
    root = nodes.regroup(places, at[component])
    lone = len(places) > 1 and any(nodes.marks[place] & _LONE for place in places)
    if len(persons) > 1 or lone or not replayed.isdisjoint(persons[0].keys):
        nodes.marks[root] |= PARTED
        for person in persons:
            for key in person.keys:
                graph.parts[at[key]] = person.person_id


def _status(graph: Graph, edge: int) -> int:
    was, ends = graph.edges.status[edge], graph.edges.ends
    if was >= WITHHELD:
        return was
    a, b = ends[2 * edge], ends[2 * edge + 1]
    if not graph.has_power(edge):
        return INERT
    return LIVE if graph.person_at(a) == graph.person_at(b) else REFUSED


def _told(graph: Graph) -> Settled:
    nodes, key = graph.nodes, graph.nodes.key
    moved: set[int] = set()
    left: set[str] = set()
    persons: dict[str, tuple[int, ...]] = {}
    for place, (was, oldest, marks) in graph.before.items():
        person = graph.person_at(place)
        if person != was:
            left.add(was)
            _add(graph, persons, person, place)
        if person != was or oldest != nodes.oldest[nodes.root[place]] or marks != nodes.marks[place] & _LONE:
            moved.add(key[place])
    before: dict[int, str] = {}
    for place, (was, _, _) in graph.before.items():
        if was in left:
            before[key[place]] = was
            if graph.person_at(place) == was:
                _add(graph, persons, was, place)
    born: dict[str, tuple[int, ...]] = {}
    grown: defaultdict[str, int] = defaultdict(int)
    for place in graph.fresh:
        person = graph.person_at(place)
        if person in persons or person in born:
            continue
        if _is_new(graph, place):
            _add(graph, persons if person in left else born, person, place)  # it may take over an id
        else:
            grown[person] += 1
    status = graph.edges.status
    statuses = {
        _named(graph, edge): STATUSES[status[edge]] for edge, was in graph.judged.items() if status[edge] != was
    }
    fresh = frozenset([key[place] for place in graph.fresh])
    return Settled(before, frozenset(moved), fresh, persons, born, dict(grown), statuses)


def _add(graph: Graph, persons: dict[str, tuple[int, ...]], person: str, place: int) -> None:
    if person not in persons:
        persons[person] = tuple([graph.nodes.key[one] for one in graph.person_places(place)])


def _is_new(graph: Graph, place: int) -> bool:
    """Whether the person of a new identifier has only new ones."""
    nodes = graph.nodes
    root = nodes.root[place]
    if not nodes.marks[root] & PARTED:
        return nodes.oldest[root] in graph.fresh  # had it met an older one, that would be the oldest
    return all(one in graph.fresh for one in graph.person_places(place))


def _named(graph: Graph, edge: int) -> tuple[int, int, str]:
    ends, key = graph.edges.ends, graph.nodes.key
    return key[ends[2 * edge]], key[ends[2 * edge + 1]], RULES[graph.edges.rule[edge]]
