"""Those near a person: with whom they share a tablet, a browser or a line, and who may be them by how they behave."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import msgspec

from ariane import consent, identity
from ariane.console import faces, names, tying
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.errors import ConsentError, NotFound
from ariane.identity.threads import Thread
from ariane.model import Identifier


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


class Maybe(msgspec.Struct, frozen=True):
    """Somebody who may be the same person: what says so, and where the two are made one."""

    person_id: str
    href: str
    said: str
    merge: str


def maybe(desk: Desk, asked: Asked, thread: Thread) -> tuple[Maybe, ...]:
    """Who was suggested and is another person still, as long as both agree to be compared."""
    own = {str(held) for held in thread.identifiers}
    ties = {tie.event_id: tie for tie in thread.edges if (tie.rule, tie.status) == ("suggested", "inert")}
    if not ties:
        return ()
    events = desk.engine.table("events")
    rows = desk.engine.run(events.filter(events.event_id.isin(list(ties))).select("event_id", "properties")).to_pylist()
    told = {row["event_id"]: msgspec.json.decode(row["properties"]) for row in rows}
    tongue, found = desk.tongue(asked.lang), []
    compared = consent.permit("cross_device", actor="console", bases=faces.bases(desk))
    with desk.stores.state.read() as conn:
        for event_id, tie in ties.items():
            mine, theirs = (tie.a, tie.b) if str(tie.a) in own else (tie.b, tie.a)
            try:
                other = identity.person(conn, faces.permit_of(desk, asked), str(theirs)).person_id
            except (ConsentError, NotFound):
                continue
            agreed = all(consent.allowed(conn, compared, one) for one in (thread.person_id, other))
            if other != thread.person_id and agreed:
                said = tongue.n_(
                    "on the same private network on %(n)s day; alike: %(score)s",
                    "on the same private networks on %(n)s days; alike: %(score)s",
                    int(told.get(event_id, {}).get("n_days", 0)),
                    score=tongue.percent(told.get(event_id, {}).get("score")),
                )
                found.append(Maybe(other, asked.link(f"/people/{other}"), said, _merging(asked, thread, mine, theirs)))
    return tuple(found)


def _merging(asked: Asked, thread: Thread, mine: Identifier, theirs: Identifier) -> str:
    where = f"/people/{thread.person_id}/decide"
    return asked.link(where, do="merge", a=tying.ref(mine), b=tying.ref(theirs))
