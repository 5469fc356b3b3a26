"""What settling the graph changed."""

from __future__ import annotations

import msgspec


class Settled(msgspec.Struct, frozen=True):
    """What changed since the graph was last settled.

    `before`: every identifier whose person, component or status is not what it was, and whoever was one person with
    one that left, with the person it was; identifiers never seen before are in `fresh` instead. `persons`: the persons
    who gained or lost an identifier known before, with all their keys; `born`: persons of whom nothing was known, with
    theirs; `grown`: how many new identifiers each of the others gained. `statuses`: evidence (a, b, rule) whose status
    is another.
    """

    before: dict[int, str]
    moved: frozenset[int]
    fresh: frozenset[int]
    persons: dict[str, tuple[int, ...]]
    born: dict[str, tuple[int, ...]]
    grown: dict[str, int]
    statuses: dict[tuple[int, int, str], str]
