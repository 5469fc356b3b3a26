"""Processes killed at random instants while clients send: every acknowledged event is in the lake, once."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from ariane import settings
from ariane.processes import Serving, settle
from ariane.store import Lake, Stores

N_INSTANTS = int(os.environ.get("ARIANE_KILLS", "200"))
"""How often somebody is killed; ARIANE_KILLS=1000 takes about five minutes."""
N_CLIENTS = 8
ROLES = ("collector", "collector", "stream", "lake")


class Client(threading.Thread):
    """Sends batches for as long as it is told to, each until it is acknowledged, and remembers what was."""

    def __init__(self, number: int, port: int, write_key: str, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.number, self.port, self.write_key, self.stop = number, port, write_key, stop
        self.acknowledged: list[str] = []
        self.resent = 0

    def run(self) -> None:
        nth = 0
        while not self.stop.is_set():
            ids = [f"c{self.number}-{nth}-{k}" for k in range(5)]
            nth += 1
            while not self._send(ids):
                self.resent += 1
                time.sleep(0.02)
            self.acknowledged += ids
            time.sleep(0.005)

    def _send(self, ids: list[str]) -> bool:
        batch = [
            {
                "type": "track",
                "event": "Product Viewed",
                "messageId": one,
                "anonymousId": f"visitor-{hash(one) % 50}",
                "timestamp": "2026-05-01T10:00:00Z",
                "context": {"channel": "web"},
            }
            for one in ids
        ]
        body = json.dumps({"batch": batch, "writeKey": self.write_key})
        try:
            connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
            connection.request("POST", "/v1/batch", body)
            reply = connection.getresponse()
            good = reply.status == 200 and json.loads(reply.read()) == {"success": True}
            connection.close()
            return good
        except (OSError, HTTPException):
            return False


def test_every_acknowledged_event_is_in_the_lake_once(tmp_path: Path, free_port: int) -> None:
    path = tmp_path / "ws"
    key = settings.create(path).sources["default"].write_key
    serving = Serving(path, "127.0.0.1", free_port, roles=("stream", "lake", "collector"), backoff_s=(0.0,))
    serving.start()
    stop = threading.Event()
    clients = [Client(number, free_port, key, stop) for number in range(N_CLIENTS)]
    rng = random.Random(2)
    killed: Counter[str] = Counter()
    try:
        for client in clients:
            client.start()
        for _ in range(N_INSTANTS):
            time.sleep(rng.uniform(0.05, 0.45))
            _kill(serving, role := rng.choice(ROLES))
            killed[role] += 1
            serving.watch()
        stop.set()
        until = time.monotonic() + 60
        for client in clients:
            while client.is_alive() and time.monotonic() < until:
                serving.watch()
                client.join(0.05)
            assert not client.is_alive()
        stores = Stores(path)
        settle(stores, watch=serving.watch)
    finally:
        stop.set()
        serving.stop()
    _check(stores.lake, clients)
    assert min(killed[role] for role in ROLES) > N_INSTANTS / 8, killed
    print(f"{dict(killed)} killed, {sum(len(client.acknowledged) for client in clients):,} events acknowledged")  # noqa: T201
    stores.close()


def _kill(serving: Serving, role: str) -> None:
    """Kill the worker and, for the collector, whatever serves under it."""
    os.killpg(serving.workers.children[role].pid, signal.SIGKILL)
    serving.workers.children[role].wait()


def _check(lake: Lake, clients: list[Client]) -> None:
    acknowledged = [one for client in clients for one in client.acknowledged]
    stored = Counter(lake.read("events", ["message_id"]).column(0).to_pylist())
    assert len(acknowledged) > 500
    assert [one for one in acknowledged if stored[one] == 0] == []
    assert [one for one, n in stored.items() if n > 1] == []
    assert sum(client.resent for client in clients) > 0, "the kills must have been felt"


@pytest.fixture
def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
