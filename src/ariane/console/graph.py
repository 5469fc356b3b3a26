"""A person's identifiers as a small picture: the strongest in the middle, what it is tied to around it.

The layout is a radial tree (Wills 1999): a breadth-first tree from the middle, each branch given room by its leaves.
It is a function of the evidence alone, so the same person is always drawn the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import cos, pi, sin

import msgspec

RING = 118.0
STAGGER = 30.0
MOST = 80
ROOMY = 26  # identifiers that can all be labelled
NAMED = 14  # those that are when there are more: the strongest
ROOM = 30.0
LEVELS = 3
MARGIN = 62.0
LEAST = (520.0, 260.0)


class Node(msgspec.Struct, frozen=True):
    """A drawn identifier. `named`: there is room for its label."""

    x: float
    y: float
    r: float
    key: str
    hub: bool
    off: bool
    named: bool
    anchor: str
    label_x: float
    label_y: float


class Link(msgspec.Struct, frozen=True):
    """A drawn tie: under which rule, what became of it, and whether it is on the path that was asked for."""

    x1: float
    y1: float
    x2: float
    y2: float
    rule: str
    status: str
    on: bool


class Picture(msgspec.Struct, frozen=True):
    """The nodes, the lines, the box they fit in, and how many identifiers did not."""

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    box: str
    n_left_out: int


Line = tuple[str, str, str, str]
"""A tie: its two identifiers, its rule, its status."""


def picture(
    keys: Sequence[str],
    ties: Iterable[Line],
    off: frozenset[str] = frozenset(),
    on: frozenset[Line] = frozenset(),
) -> Picture:
    """Lay out identifiers (strongest first) and their ties. `off` tie nobody or are another's; `on` is a path to show.

    >>> drawn = picture(["u", "a", "b"], [("u", "a", "login", "live"), ("u", "b", "weak", "refused")])
    >>> len(drawn.nodes), len(drawn.links), (drawn.nodes[0].x, drawn.nodes[0].y)
    (3, 2, (0.0, 0.0))
    """
    ties = list(ties)
    shown = _shown(keys, ties)
    held = set(shown)
    lines = [tie for tie in ties if tie[0] in held and tie[1] in held]
    children = _tree(shown, lines)
    places = _places(shown, children)
    roomy = len(shown) <= ROOMY
    nodes = tuple(
        _node(key, places[key], key == shown[0], key in off, roomy or (place < NAMED and places[key][3]))
        for place, key in enumerate(shown)
    )
    at = {node.key: node for node in nodes}
    links = tuple(
        Link(at[line[0]].x, at[line[0]].y, at[line[1]].x, at[line[1]].y, line[2], line[3], line in on)
        for line in sorted(lines, key=lambda line: (line in on, line[3] == "live"))
    )
    left, right = _wide([node.x for node in nodes], MARGIN + 40, LEAST[0])
    top, low = _wide([node.y for node in nodes], MARGIN * 0.6, LEAST[1])
    return Picture(nodes, links, f"{left:.0f} {top:.0f} {right - left:.0f} {low - top:.0f}", len(keys) - len(shown))


def _shown(keys: Sequence[str], ties: list[Line]) -> list[str]:
    """Those there is room for: the strongest, then what ties most others, or these would hang on nothing."""
    n_ties = Counter(end for tie in ties if tie[3] == "live" for end in tie[:2])
    ranked = sorted(range(1, len(keys)), key=lambda place: (-n_ties[keys[place]], place))
    return [keys[place] for place in sorted([0, *ranked[: MOST - 1]])]


def _wide(places: list[float], margin: float, least: float) -> tuple[float, float]:
    """The ends of a box around these places, never so small that few identifiers fill the page."""
    low, high = min(places) - margin, max(places) + margin
    lacking = max(0.0, least - (high - low)) / 2
    return low - lacking, high + lacking


def _tree(keys: list[str], ties: list[Line]) -> dict[str, list[str]]:
    """Breadth first from the strongest, over live ties before others; what nothing reaches hangs on the middle."""
    near: dict[str, list[str]] = {key: [] for key in keys}
    for a, b, _, _ in sorted(ties, key=lambda tie: tie[3] != "live"):
        near[a].append(b)
        near[b].append(a)
    rank = {key: place for place, key in enumerate(keys)}
    children: dict[str, list[str]] = {key: [] for key in keys}
    reached, queue = {keys[0]}, [keys[0]]
    while queue or len(reached) < len(keys):
        if not queue:
            lost = next(key for key in keys if key not in reached)
            children[keys[0]].append(lost)
            reached.add(lost)
            queue.append(lost)
        here = queue.pop(0)
        for other in sorted(set(near[here]), key=rank.__getitem__):
            if other not in reached:
                reached.add(other)
                children[here].append(other)
                queue.append(other)
    return children


def _places(keys: list[str], children: dict[str, list[str]]) -> dict[str, tuple[float, float, float, bool]]:
    """(x, y, direction, whether nothing stands further out) of each key."""
    leaves: dict[str, float] = {}

    def weigh(key: str) -> float:
        leaves[key] = max(1.0, sum(weigh(child) for child in children[key]))
        return leaves[key]

    weigh(keys[0])
    places = {keys[0]: (0.0, 0.0, 0.0, True)}

    def lay(key: str, start: float, width: float, inner: float) -> None:
        at, n = start, len(children[key])
        ring = max(inner + RING, n * ROOM / LEVELS / width) if n > ROOMY else inner + RING
        crowded = width / max(1, n) * ring < ROOM + 16
        for number, child in enumerate(children[key]):
            share = width * leaves[child] / leaves[key]
            direction = at + share / 2
            levels = LEVELS if n > ROOMY else 2
            radius = ring + (STAGGER * (number % levels) if crowded else 0.0)
            free = not children[child] and (not crowded or number % levels == levels - 1)
            places[child] = (radius * cos(direction) * 1.25, radius * sin(direction), direction, free)
            lay(child, at, share, radius)
            at += share

    lay(keys[0], -pi / 2, 2 * pi, 0.0)
    return places


def _node(key: str, place: tuple[float, float, float, bool], hub: bool, off: bool, named: bool) -> Node:
    x, y, direction, _ = place
    r = 19.0 if hub else 13.0
    if hub:
        return Node(x, y, r, key, True, off, True, "middle", x, y + 34)
    side = cos(direction)
    if abs(side) < 0.35:
        return Node(x, y, r, key, False, off, named, "middle", x, y + (27 if sin(direction) > 0 else -19))
    return Node(x, y, r, key, False, off, named, "start" if side > 0 else "end", x + (18 if side > 0 else -18), y + 4)
