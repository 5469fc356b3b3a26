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
"""How often somebody is killed; ARIANE_KILLS=1000 takes about ten minutes of two free cores."""
N_CLIENTS = 8
ROLES = ("stream", "lake", "collector")
AT_WORK = 0.6
"""The share of kills that wait for a process at work: it has stored something since it was killed last. The others hit
whoever it is, as often as not while it starts."""


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
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", "/v1/batch", body)
            reply = connection.getresponse()
            return reply.status == 200 and json.loads(reply.read()) == {"success": True}
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


class Reaper:
    """Kills one worker after the other and knows who has been at work since."""

    def __init__(self, serving: Serving, path: Path, clients: list[Client]) -> None:
        self.serving, self.path, self.clients, self.rng = serving, path, clients, random.Random(2)
        self.killed: Counter[str] = Counter()
        self.at_work: Counter[str] = Counter()
        self._known = dict.fromkeys(ROLES, self.stored("none"))

    def stored(self, role: str) -> float:
        """A number that grows with what the role stores."""
        if role == "collector":
            return sum(len(client.acknowledged) for client in self.clients)
        notes = (self.path / ".progress" / role).glob("web-0")
        return max((note.stat().st_mtime for note in notes), default=0.0)

    def working(self) -> list[str]:
        return [role for role in ROLES if self.stored(role) > self._known[role]]

    def strike(self) -> None:
        """Kill somebody at a random instant, and whatever serves under them."""
        if self.rng.random() < AT_WORK:
            until = time.monotonic() + 60
            while not self.working() and time.monotonic() < until:
                time.sleep(0.01)
            role = self.rng.choice(self.working() or ROLES)
        else:
            role = self.rng.choice(ROLES)
        time.sleep(self.rng.uniform(0.0, 0.25))
        child = self.serving.workers.children[role]
        self.at_work[role] += role in self.working()
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        self.killed[role] += 1
        self._known[role] = self.stored(role)
        self.serving.watch()


def test_every_acknowledged_event_is_in_the_lake_once(tmp_path: Path, free_port: int) -> None:
    path = tmp_path / "ws"
    key = settings.create(path).sources["default"].write_key
    serving = Serving(path, "127.0.0.1", free_port, roles=ROLES, backoff_s=(0.0,))
    serving.start()
    stop = threading.Event()
    clients = [Client(number, free_port, key, stop) for number in range(N_CLIENTS)]
    reaper = Reaper(serving, path, clients)
    try:
        for client in clients:
            client.start()
        for _ in range(N_INSTANTS):
            reaper.strike()
        stop.set()
        until = time.monotonic() + 120
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
    stores.close()
    assert min(reaper.killed[role] for role in ROLES) > N_INSTANTS / 6, reaper.killed
    assert min(reaper.at_work[role] for role in ROLES) > N_INSTANTS / 50, reaper.at_work
    n = sum(len(client.acknowledged) for client in clients)
    print(f"killed {dict(reaper.killed)}, at work {dict(reaper.at_work)}; {n:,} events acknowledged")  # noqa: T201


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
