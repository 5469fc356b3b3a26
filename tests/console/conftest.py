"""Workspaces to look at, made the way real ones are made, each served by the console's own server."""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from ariane import demo, processes, settings
from ariane.ingest import Record, encode
from ariane.store import Stores
from tests.machine import REPOSITORY

HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "{{ 7*7 }}{% raw %}",
    "'; DROP TABLE events; --",
    "\u202egnirts lortnoc\u202c",
    "=HYPERLINK(\"http://evil\")",
    "%(n)s %s %d 100%",
    "é" * 2_000 + "<b>",
    "javascript:alert(1)",
)  # fmt: skip


def log_demo(stores: Stores, n_persons: int) -> None:
    """The demo town's events, received as the collector receives them."""
    from ariane.ingest.keys import Keys
    from ariane.ingest.receive import receive

    key = stores.settings.sources["default"].write_key
    headers = {"authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}
    town = demo.Town(seed=1, n_persons=n_persons)
    now = int(time.time() * 1_000_000)
    with stores.log.writer("demo") as writer:
        for bodies in town.batches():
            for body in bodies:
                received = receive("batch", headers, body, Keys({key: ("default", "")}), now)
                assert received.reply.status == 200
                writer.append(received.payloads)
    town.write_truth(stores.path / "truth")
    (stores.path / "journey.toml").write_text(demo.journey_toml(), encoding="utf-8")


def log_hostile(stores: Stores) -> None:
    """A few persons whose every word tries to break out of its place."""
    now = int(time.time() * 1_000_000)
    records = []
    for number, text in enumerate(HOSTILE * 8):
        about: dict[str, Any] = {
            "store": text, "reason": text, "category": text, "campaign": text, "carrier": text, "wait_s": 12,
            "question": "csat", "score": number % 5 + 1, "comment": text, "currency": "EUR", "revenue": 12.5,
        }  # fmt: skip
        for name in (text, "Order Completed", "Survey Answered", "Store Visited"):
            records.append(
                encode(
                    Record(
                        source=text[:60], message_id=f"{number}-{name[:20]}", type="track", received_us=now, event=name,
                        anonymous_id=f"{text[:80]}{number}", user_id=f"u{number}", channel="web",
                        timestamp=f"2026-03-{number % 27 + 1:02d}T10:00:00Z", properties=about,
                        context={"channel": "web" if number % 2 else text[:30], "device": {"id": f"{text[:60]}d"}},
                    )
                )
            )  # fmt: skip
    records.append(encode(Record(source="till", message_id="bad", type="track", received_us=now, invalid=HOSTILE[0])))
    with stores.log.writer("web-0") as writer:
        writer.append(records)


def make(path: Path, fill: Callable[[Stores], None], name: str) -> Path:
    """A workspace with a log, brought level by the workers' own code."""
    settings.create(path, name)
    stores = Stores(path)
    fill(stores)
    processes.catch_up(stores)
    stores.close()
    return path


@pytest.fixture(scope="package")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small demo town with its truth."""
    return make(tmp_path_factory.mktemp("console") / "town", lambda stores: log_demo(stores, 100), "Maison Dédale")


@pytest.fixture(scope="package")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace full of hostile strings, its own name among them."""
    return make(tmp_path_factory.mktemp("console") / "hostile", log_hostile, HOSTILE[0])


@pytest.fixture(scope="package")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace nothing has happened in."""
    return make(tmp_path_factory.mktemp("console") / "empty", lambda _stores: None, "Nothing yet")


@contextmanager
def serving(path: Path) -> Iterator[str]:
    """The console of a workspace in a process of its own; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "granian", "--interface", "asgi", "--factory", "ariane.console.server:create",
        "--host", "127.0.0.1", "--port", str(port), "--log-level", "error",
    ]  # fmt: skip
    environment = os.environ | {"ARIANE_WORKSPACE": str(path), "PYTHONPATH": str(REPOSITORY / "src")}
    process = subprocess.Popen(command, env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 60
        while True:
            try:
                httpx.get(address + "/favicon.ico", timeout=2)
                break
            except httpx.TransportError:
                assert process.poll() is None and time.monotonic() < until, "the console did not start"
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(20)


class Site:
    """A served console, asked as a browser would ask."""

    def __init__(self, address: str, path: Path) -> None:
        self.address, self.path = address, path
        self.client = httpx.Client(base_url=address, timeout=60, headers={"accept-language": "en"})

    def get(self, where: str, **headers: str) -> httpx.Response:
        """The answer, once it has been measured."""
        until = time.monotonic() + 120
        while True:
            answer = self.client.get(where, headers=headers)
            if answer.status_code != 202 or time.monotonic() > until:
                return answer
            time.sleep(0.3)

    def person(self) -> str:
        """The id of somebody with many events."""
        page = self.get("/people.csv?sort=n_events").text.splitlines()
        return page[1].split(",")[0]


@pytest.fixture(scope="package")
def town_site(town: Path) -> Iterator[Site]:
    with serving(town) as address:
        site = Site(address, town)
        yield site
        site.client.close()


@pytest.fixture(scope="package")
def hostile_site(hostile: Path) -> Iterator[Site]:
    with serving(hostile) as address:
        site = Site(address, hostile)
        yield site
        site.client.close()


@pytest.fixture(scope="package")
def empty_site(empty: Path) -> Iterator[Site]:
    with serving(empty) as address:
        site = Site(address, empty)
        yield site
        site.client.close()


def event(**fields: Any) -> bytes:
    """One log record, now."""
    given = {"source": "web", "message_id": msgspec.json.encode(fields).hex()[:40], "type": "track"}
    return encode(Record(received_us=int(time.time() * 1_000_000), **(given | fields)))
