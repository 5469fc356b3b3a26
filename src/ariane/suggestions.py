"""Who may be the same person by how they behave, in a workspace: looked for, and said through the log."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from ariane import identity, ingest
from ariane.identity.steering import link_event
from ariane.identity.suggesting import MODEL, Suggestion, suggest
from ariane.opened import Opened, iso
from ariane.result import Tabular

ACTOR = "behaviour"


class Suggested(msgspec.Struct, Tabular, frozen=True, dict=True):
    """What was found, the most alike first. `n_new`: those that nobody was told before; `written`: whether they went to
    the log. `n_held_back` persons did not agree to be compared."""

    rows: tuple[Suggestion, ...]
    n_new: int
    written: bool
    n_held_back: int

    def as_rows(self) -> list[dict[str, Any]]:
        """One row a suggestion, identifiers written kind:value."""
        return [msgspec.structs.asdict(one) | {"a": str(one.a), "b": str(one.b)} for one in self.rows]


class Suggestions:
    """Suggestions in one workspace."""

    def __init__(self, workspace: Opened) -> None:
        self._ws = workspace

    def look(self, *, check: bool = False, actor: str = ACTOR) -> Suggested:
        """Find who behaves alike among those who agreed to `cross_device`, and say so through the log, once for each
        two; with `check` nothing is written. It ties nobody."""
        population = self._ws.population("cross_device")
        found = suggest(population, identity.rules_of(self._ws.path))
        edges = population.engine.table("edges")
        told = population.engine.run(edges.filter(edges.rule == "suggested").select("a_key", "b_key")).to_pylist()
        known = {(row["a_key"], row["b_key"]) for row in told}
        new = [one for one in found if (min(one.a.key, one.b.key), max(one.a.key, one.b.key)) not in known]
        if new and not check:
            now_us = time.time_ns() // 1000
            self._ws.write([_as_record(one, actor, now_us) for one in new])
        return Suggested(found, len(new), not check, population.n_held_back())


def _as_record(one: Suggestion, actor: str, now_us: int) -> bytes:
    """A suggestion as a record of the log, with why. Its message id is of the pair: written twice it counts once."""
    payload = link_event(one.a, one.b, rule="suggested", score=one.score, model=MODEL, actor=actor, at=iso(now_us))
    low, high = sorted((one.a.key, one.b.key))
    record = ingest.Record(
        source=ingest.RESERVED_SOURCE,
        message_id=f"suggested-{MODEL}-{low}-{high}",
        type=payload["type"],
        received_us=now_us,
        event=payload["event"],
        timestamp=payload["timestamp"],
        anonymous_id=payload["anonymousId"],
        properties=payload["properties"] | {"n_days": one.n_days, "n_networks": one.n_networks},
    )
    return ingest.encode(record)
