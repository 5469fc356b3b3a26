"""Where former person ids lead: to the present one, in one step, whatever happened in between."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from ariane.identity.bulk import fetch, upsert
from ariane.identity.stored import persons, told_aliases, told_changes

_c, _a, _p = told_changes.c, told_aliases.c, persons.c
_WENT = sa.select(_c.old_person_id, _c.new_person_id, _c.n).where(_c.cause.in_(["merged", "moved", "erased"]))
_CAME = sa.select(_c.old_person_id).where(_c.cause.in_(["merged", "moved"]))
_ALIVE = sa.select(_p.person_id)
_KNOWN = sa.select(_a.alias)


def lead(conn: sa.Connection, touched: Collection[str], version: int) -> None:
    """Let the ids that lead through these persons lead where they lead now: along the latest change of each, until
    somebody goes by it. Costs what leads to them, not what there is."""
    found = set(touched)
    behind = set(touched)
    while behind:
        behind = {row[0] for row in fetch(conn, _CAME, _c.new_person_id, behind)} - found
        found |= behind
    alive: set[str] = set()
    went: dict[str, tuple[int, str]] = {}
    ahead = set(found)
    while ahead:
        alive |= {row[0] for row in fetch(conn, _ALIVE, _p.person_id, ahead)}
        gone = ahead - alive
        for old, new, n in fetch(conn, _WENT, _c.old_person_id, gone):
            went[old] = max(went.get(old, (0, "")), (n, new))
        ahead = {went[one][1] for one in gone if one in went} - alive - went.keys() - {""}
    again = {row[0] for row in fetch(conn, _KNOWN, _a.alias, found & alive)}
    listed = []
    for one in sorted(found):
        if one in alive and one not in again:
            continue
        now = one
        while now and now not in alive and now in went:  # a later change each time, so it ends
            now = went[now][1]
        listed.append((one, now, version))
    upsert(conn, told_aliases, ("alias", "person_id", "version"), listed, ("person_id", "version"))
