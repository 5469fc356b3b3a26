"""With whom a person shares a tablet, a browser or a line: who lives together, as far as the evidence says."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import msgspec

from ariane import consent
from ariane.console import faces, names
from ariane.console.asked import Asked
from ariane.console.desk import Desk


class Kin(msgspec.Struct, frozen=True):
    """Another person, what is shared with them, and since when."""

    person_id: str
    href: str
    shares: tuple[str, ...]
    said: str


def kin(desk: Desk, asked: Asked, person_id: str) -> tuple[Kin, ...]:
    """Those this person shares something with, of whom the page's permit may read, the longest seen first."""
    tongue, permit = desk.tongue(asked.lang), faces.permit_of(desk, asked)
    pairs, identifiers = desk.engine.table("households"), desk.engine.table("identifiers")
    mine = pairs.filter((pairs.person_a == person_id) | (pairs.person_b == person_id))
    rows = desk.engine.run(mine.inner_join(identifiers.select(identifier_key="key", kind="kind"), "identifier_key"))
    by_person: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows.to_pylist():
        by_person[row["person_b"] if row["person_a"] == person_id else row["person_a"]].append(row)
    with desk.stores.state.read() as conn:
        may = {other for other in by_person if consent.allowed(conn, permit, other)}
    found = []
    for other, shared in sorted(by_person.items(), key=lambda pair: (-max(row["n_days"] for row in pair[1]), pair[0])):
        if other in may:
            n_days = max(row["n_days"] for row in shared)
            since = tongue.day(min(row["first_us"] for row in shared))
            said = tongue.n_(
                "both on %(n)s day, since %(since)s", "both on %(n)s days, since %(since)s", n_days, since=since
            )
            kinds = dict.fromkeys(
                names.kind(tongue, row["kind"]) for row in sorted(shared, key=lambda row: -row["n_days"])
            )
            found.append(Kin(other, asked.link(f"/people/{other}"), tuple(kinds), said))
    return tuple(found)
