"""The official clients, unchanged, against the running server, which is killed and restarted while they send: every
event they were told to send is in the lake, once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ariane import settings
from ariane.processes import Serving, settle
from ariane.store import Stores
from tests import node
from tests.clients.serving import free_port, page_server

HERE = Path(__file__).resolve().parent
N_EVENTS = int(os.environ.get("ARIANE_CLIENT_EVENTS", "10000"))
PAUSE_S = 1.5
"""Between two kills. Each costs the collector about a second: it is away for much of the time."""

SEND = """
const [host, key, first, n, batching] = args;
const together = {deliveryStrategy: {strategy: "batching", config: {size: 50, timeout: 200}}};
const options = {integrations: {"Segment.io": batching ? together : {}}, retryQueue: true};
const [analytics] = await window.AnalyticsNext.AnalyticsBrowser.load({writeKey: key, cdnURL: host}, options);
for (let i = 0; i < n; i++) {
  analytics.track("analytics_next", {n: first + i});
  if (i % 100 == 99) await new Promise(go => setTimeout(go, 60));
}
"""


@contextmanager
def served(path: Path) -> Iterator[tuple[Serving, str]]:
    key = settings.create(path).sources["default"].write_key
    serving = Serving(path, "127.0.0.1", free_port(), roles=("stream", "lake", "collector"), backoff_s=(0.0,))
    serving.start()
    try:
        yield serving, key
    finally:
        serving.stop()


def _started(name: str, host: str, key: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "NODE_PATH": str(node.modules() or "")}
    script = [sys.executable, str(HERE / "python_clients.py"), name]
    if name.endswith("_node"):
        script = [str(node.find()), str(HERE / f"{name}.js")]
    return subprocess.Popen([*script, host, key, str(N_EVENTS)], env=environment, stdin=subprocess.DEVNULL)


def _disturb(serving: Serving, rng: random.Random, n: int) -> None:
    """Kill a process, the collector more often than not, and see to it that it comes back; `n` times."""
    for _ in range(n):
        until = time.monotonic() + PAUSE_S
        while time.monotonic() < until:
            serving.watch()
            time.sleep(0.05)
        child = serving.workers.children[rng.choice(["collector", "collector", "stream", "lake"])]
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        serving.watch()


def _until(done: Any, serving: Serving, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, "the clients did not finish"
        serving.watch()
        time.sleep(0.05)


def _stored(path: Path) -> dict[str, Counter[int]]:
    stores = Stores(path)
    rows = stores.lake.read("events", ["event", "properties"]).to_pylist()
    stores.close()
    found: dict[str, Counter[int]] = {}
    for row in rows:
        found.setdefault(row["event"], Counter())[int(json.loads(row["properties"])["n"])] += 1
    return found


@pytest.mark.needs("node")
def test_no_event_of_a_server_side_client_is_lost_or_doubled(tmp_path: Path) -> None:
    path = tmp_path / "ws"
    names = ("segment_python", "rudder_python", "segment_node", "rudder_node")
    with served(path) as (serving, key):
        clients = {name: _started(name, serving.address, key) for name in names}
        try:
            _disturb(serving, random.Random(5), 5)
            _until(lambda: all(client.poll() is not None for client in clients.values()), serving, 300)
        finally:
            for client in clients.values():
                client.kill()
                client.wait()
        assert {name: client.returncode for name, client in clients.items()} == dict.fromkeys(names, 0)
        stores = Stores(path)
        settle(stores, watch=serving.watch)
        stores.close()
    found = _stored(path)
    for name in names:
        assert found[name] == Counter(range(N_EVENTS)), name


@pytest.mark.needs("node", "chromium")
def test_no_event_of_the_browser_library_is_lost_or_doubled(tmp_path: Path, chromium: str) -> None:
    from playwright.sync_api import sync_playwright

    modules = node.modules()
    assert modules is not None
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "analytics.js").symlink_to(modules / "@segment/analytics-next/dist/umd/index.js")
    (folder / "index.html").write_text('<!doctype html><title>shop</title><script src="/analytics.js"></script>')
    path = tmp_path / "ws"
    # Each event takes the library 8 ms of waiting: several pages send at a time. The last one batches nothing.
    each = N_EVENTS // 10
    shares = [(first, 3 * each if first < 9 * each else each) for first in range(0, 10 * each, 3 * each)]
    with served(path) as (serving, key), page_server(folder) as site, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-quic"])
        pages = []
        for first, n in shares:
            page = browser.new_page()
            page.goto(site)
            sending = f"(args) => {{ window.sent = (async () => {{ {SEND} }})() }}"
            page.evaluate(sending, [serving.address, key, first, n, n > each])
            pages.append(page)
        _disturb(serving, random.Random(7), 4)
        for page in pages:
            page.evaluate("() => window.sent")
        until = time.monotonic() + 300
        stores = Stores(path)
        while time.monotonic() < until:
            settle(stores, watch=serving.watch)
            if sum(_stored(path).get("analytics_next", Counter()).values()) >= 10 * each:
                break
            pages[0].wait_for_timeout(500)
        stores.close()
        browser.close()
    assert _stored(path)["analytics_next"] == Counter(range(10 * each))
