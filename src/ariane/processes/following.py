"""Keeps the lake's tables `households` and `followed` level with the events and with who is whom: who shares what,
and whose the anonymous events of shared machines are.

Each is worked out as a whole each time, for a late login changes past events too; where no machine is shared that is
next to nothing.
"""

from __future__ import annotations

import zlib

import msgspec

from ariane.identity.copying import reading_of
from ariane.identity.sharing import followed, households
from ariane.processes.exporting import VERSION
from ariane.processes.renewing import in_force
from ariane.store import DuckEngine, Stores, schema_of

TABLE, RULES = "followed", "rules"


def is_behind(stores: Stores) -> bool:
    """Whether events came, persons or the rules changed, since the table was last written."""
    return stores.lake.exists("events") and stores.lake.exists("identifiers") and _done(stores) != _wanted(stores)


def refresh(stores: Stores) -> bool:
    """Bring the table level; whether it was behind. Only the lake's writer may call it."""
    if not is_behind(stores):
        return False
    wanted = _wanted(stores)
    engine = DuckEngine(stores.lake, threads=1)
    try:
        texts = _texts(stores, engine, wanted[RULES]) if _any_shared(engine) else {}
        living, found = (
            engine.sql(texts[name]).cast(schema_of(name)) if texts else schema_of(name).empty_table()
            for name in ("households", TABLE)
        )
    finally:
        engine.close()
    stores.lake.replace("households", living.sort_by([(name, "ascending") for name in living.column_names]))
    found = found.sort_by([("subject_key", "ascending"), ("occurred_us", "ascending")])
    stores.lake.replace(TABLE, found, progress=wanted)  # the last: its progress says that both are there
    return True


_asked: dict[tuple[object, ...], dict[str, str]] = {}


def _texts(stores: Stores, engine: DuckEngine, rules_number: int) -> dict[str, str]:
    """The two questions as DuckDB is asked them, put together once for the rules and the columns there are: that takes
    longer than most answers."""
    key = rules_number, *engine.table("events").columns
    if key not in _asked:
        _asked.clear()
        rules = in_force(stores).rules
        asked = {"households": households(engine, rules),
                 TABLE: followed(engine, rules, gap_s=stores.settings.session_gap_s)}  # fmt: skip
        _asked[key] = {name: engine.backend.compile(question) for name, question in asked.items()}
    return _asked[key]


def _any_shared(engine: DuckEngine) -> bool:
    """In plain SQL: putting the two questions together takes longer than answering them where nothing is shared."""
    return bool(engine.sql("SELECT 1 FROM identifiers WHERE status = 'shared' LIMIT 1").num_rows)


def _wanted(stores: Stores) -> dict[str, int]:
    events = {partition: stores.lake.progress("events", partition) for partition in stores.log.partitions()}
    persons = stores.lake.progress("identifiers", VERSION)
    rules = in_force(stores).rules
    said = msgspec.json.encode([rules.household, stores.settings.session_gap_s]) + reading_of(rules)
    return events | {VERSION: persons, RULES: zlib.crc32(said)}


def _done(stores: Stores) -> dict[str, int]:
    return {name: stores.lake.progress(TABLE, name) for name in (*stores.log.partitions(), VERSION, RULES)}
