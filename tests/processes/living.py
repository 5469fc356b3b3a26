"""Workspaces made from the demo town without a server: its events go through the collector's own core into the log."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from ariane import settings
from ariane.demo import Town, journey_toml
from ariane.ingest.keys import Keys
from ariane.ingest.receive import receive
from ariane.processes import columnar, stream
from ariane.store import DuckEngine, Stores
from ariane.workspace import Workspace

KEY = "wk_test"
KEYS = Keys({KEY: ("default", "")})
NOW_US = 1_800_000_000_000_000  # everything is received at one instant, so that two deliveries are the same events


class _Body(msgspec.Struct):
    batch: list[msgspec.Raw]


@cache
def town_events(n_persons: int, seed: int = 3) -> tuple[bytes, ...]:
    """Every event of a small town, as JSON."""
    bodies = (body for chunk in Town(seed=seed, n_persons=n_persons).batches() for body in chunk)
    return tuple(bytes(event) for body in bodies for event in msgspec.json.decode(body, type=_Body).batch)


def workspace(path: Path) -> Stores:
    settings.create(path, sources={"default": settings.Source(write_key=KEY)})
    (path / "journey.toml").write_text(journey_toml(), encoding="utf-8")
    return Stores(path)


def deliver(stores: Stores, events: Sequence[bytes], partition: str = "web-0", batch: int = 100) -> None:
    """Put events in the log as the collector would."""
    with stores.log.writer(partition) as writer:
        for at in range(0, len(events), batch):
            body = b'{"writeKey":"wk_test","batch":[' + b",".join(events[at : at + batch]) + b"]}"
            received = receive("batch", {}, body, KEYS, NOW_US)
            assert received.reply.status == 200, received.reply
            writer.append(received.payloads)


def process(stores: Stores) -> None:
    """Stream and lake, until level with the log."""
    stream.run(stores)
    columnar.step(stores)


def disturbed(events: Sequence[bytes], seed: int) -> list[bytes]:
    """The same events shuffled, a tenth of them twice."""
    rng = random.Random(seed)
    several = list(events) + rng.sample(list(events), len(events) // 10)
    rng.shuffle(several)
    return several


def answers(stores: Stores) -> dict[str, Any]:
    """What a workspace says: persons, consents, sessions, transitions and the map, in an order of their own."""
    with Workspace(stores.path) as ws:
        return {
            "identifiers": _sorted(ws.stores.lake.read("identifiers").to_pylist()),
            "persons": _sorted(ws.stores.lake.read("persons").to_pylist()),
            "consents": _sorted(ws.stores.lake.read("consents").to_pylist()),
            "edges": _sorted(ws.stores.lake.read("edges").to_pylist()),
            "sessions": _sorted(ws.journeys.sessions().to_dicts()),
            "paths": _sorted(ws.journeys.paths().to_dicts()),
            "map": rounded(msgspec.to_builtins(ws.journeys.map(), enc_hook=str)),
            "events": _sorted(_events(stores)),
        }


def _events(stores: Stores) -> list[dict[str, Any]]:
    engine = DuckEngine(stores.lake)
    events = engine.table("events").drop("log_offset", "log_partition")
    rows = engine.run(events).to_pylist()
    engine.close()
    return rows


def _sorted(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(str(sorted(rounded(row).items(), key=str)) for row in rows)


def rounded(value: Any) -> Any:
    """Sums of floats differ in their last digit with the order of addition."""
    if isinstance(value, float):
        return round(value, 9)
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(one) for one in value]
    return value
