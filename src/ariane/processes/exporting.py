"""The state's tables as the lake keeps them beside the events: each commit holds what changed since the last one.

What changed is found by the version the state gives every change, so an export costs what changed, however many persons
there are. Consents are given per person: whoever gained or lost an identifier has all of theirs given again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

import pyarrow as pa
import sqlalchemy as sa

from ariane.consent import tables as consent_tables
from ariane.consent.copying import spoken_since, standing_of
from ariane.identity.copying import news, version_of, whole
from ariane.processes.stream import CONSUMER
from ariane.store import Stores, schema_of


class Settling(TypedDict, total=False):
    """How much of a table news may be before they are put among the rest (see `Lake.settle`)."""

    share: float
    least: int


TOLD = ("person_changes", "person_moves", "aliases")
"""Written only when something was told: merges are rare, and each write is a commit."""
TABLES = (*TOLD, "persons", "consents", "edges", "identifiers")
"""In the order they are written: the last one's progress says that all are there."""

STATE, VERSION = "state", "version"
NOTHING = pa.table({})
BUSY: Settling = {"share": 1.0, "least": 200_000}
"""When news are put among the rest while more are coming: each time costs as much as the whole table."""


def export(stores: Stores) -> bool:
    """Bring the lake's copies level with the state if it has moved since; whether it had."""
    written = {name: stores.lake.progress(name, VERSION) for name in TABLES}
    since = 0 if _is_of_old(stores) else min(written[name] for name in TABLES if name not in TOLD)
    with stores.state.read() as conn:
        read_to = sum(stores.state.offsets(conn, CONSUMER).values())
        version = version_of(conn)
        level = read_to == stores.lake.progress("identifiers", STATE) and version <= since
        if level and stores.lake.exists("identifiers"):
            return False
        progress = {STATE: read_to, VERSION: version}
        if not since:
            for name in TABLES:
                stores.lake.fill(name, _whole(conn, name), progress=progress)
            return True
        rows, gone = _changed(conn, since)
    for name in TABLES:
        if name in TOLD and not rows[name].num_rows:
            continue
        if written[name] < version:
            stores.lake.put(name, rows[name], gone.get(name, NOTHING), version=version, progress=progress)
        elif name == TABLES[-1]:  # the state has only read on, or an export was cut short here
            stores.lake.put(name, rows[name].slice(0, 0), NOTHING, version=version, progress=progress)
    return True


def _is_of_old(stores: Stores) -> bool:
    """Whether the lake was written by a version that had fewer tables, or columns: all are written anew then."""
    lake, last = stores.lake, TABLES[-1]
    if not lake.exists(last):
        return False
    return not lake.exists(TOLD[0]) or not set(schema_of(last).names) <= set(lake.schema(last).names)


def _whole(conn: sa.Connection, name: str) -> Iterable[pa.Table]:
    return consent_tables(conn).values() if name == "consents" else whole(conn, name)


def _changed(conn: sa.Connection, since: int) -> tuple[dict[str, pa.Table], dict[str, pa.Table]]:
    """The rows of each table that are new since a version, and the keys that have none any more."""
    changed = news(conn, since)
    persons = changed.regrouped | spoken_since(conn, since)
    said = standing_of(conn, persons)
    silent = persons.difference(said.column("person_id").to_pylist())
    gone = changed.gone | {"consents": pa.table({"person_id": pa.array(sorted(silent), pa.string())})}
    return changed.rows | {"consents": said}, gone


def settle(stores: Stores, *, busy: bool = False) -> None:
    """Put what gathered as news among the rest, where it has become much; while more is coming, very much."""
    for name in TABLES:
        stores.lake.settle(name, **(BUSY if busy else {}))
