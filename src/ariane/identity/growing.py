"""The usual news, done briefly: identifiers never seen before join a person, and nothing else changes about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

import msgspec

from ariane.identity.recalling import Plain
from ariane.identity.rules import Rules
from ariane.identity.settling import Row, Settled
from ariane.identity.solving import Groups, keeps


class Grown(msgspec.Struct):
    """What is left to settle the long way, the identifiers that joined, and how many joined each person."""

    seeds: set[int]
    joined: set[int]
    more: dict[str, int]


def grow(
    plain: Mapping[int, Plain],
    rows: Mapping[int, Row],
    seeds: Collection[int],
    ties: Collection[tuple[int, int]],
    doubtful: Collection[int],
    rules: Rules,
) -> Grown:
    """Let new identifiers join plain components, where all that ties them ties them to one.

    That is what settling would do: such a set is one person while it keeps within the limits and none of its
    identifiers is held apart (`doubtful`), and keeps its id while none is older than its oldest.
    """
    grown = Grown(set(), set(), {})
    groups = Groups()
    for a, b in ties:
        groups.join(_place(rows[a]), _place(rows[b]))
    sets: defaultdict[int, list[int]] = defaultdict(list)
    for key in seeds:
        sets[groups.of(_place(rows[key]))].append(key)
    for keys in sets.values():
        held = [rows[key] for key in keys]
        components = {row.component for row in held if row.component is not None}
        component = components.pop() if len(components) == 1 else None
        whole = plain.get(component) if component is not None else None
        if whole is None or not _joins(whole, held, doubtful, rules):
            grown.seeds.update(keys)
            continue
        for row in held:
            if row.component is None:
                row.component, row.person_id = component, whole.person_id
                whole.keys.append(row.key)
                whole.kinds[row.kind] = whole.kinds.get(row.kind, 0) + 1
                grown.joined.add(row.key)
                grown.more[whole.person_id] = grown.more.get(whole.person_id, 0) + 1
    return grown


def _place(row: Row) -> int:
    return row.key if row.component is None else row.component


def _joins(whole: Plain, held: list[Row], doubtful: Collection[int], rules: Rules) -> bool:
    kinds = whole.kinds.copy()
    for row in held:
        if row.key in doubtful or (row.first_us, row.key) < whole.oldest:
            return False
        if row.component is None:
            kinds[row.kind] = kinds.get(row.kind, 0) + 1
    return keeps(kinds, rules)


def note(plain: dict[int, Plain], rows: Mapping[int, Row], settled: Settled) -> None:
    """Note which of the components just settled are plain."""
    for component in settled.roots:
        plain.pop(component, None)
    for person in settled.plain:
        kinds: dict[str, int] = {}
        for key in person.keys:
            kind = rows[key].kind
            kinds[kind] = kinds.get(kind, 0) + 1
        oldest = rows[person.component].first_us, person.component
        plain[person.component] = Plain(person.person_id, oldest, kinds, list(person.keys))
