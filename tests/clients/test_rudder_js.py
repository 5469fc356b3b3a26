"""RudderStack's browser library, unchanged, on a page of another origin: by request and by beacon."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from ariane import settings
from ariane.ingest import read
from ariane.model import Event
from ariane.processes import Serving
from ariane.store import SegmentLog
from tests import node
from tests.clients.serving import free_port, page_server

LOAD = """([host, key, useBeacon]) => {
  const analytics = window.ra = new (window.rudderanalytics.RudderAnalytics || window.rudderanalytics)();
  analytics.load(key, host, {configUrl: host, useBeacon, sendAdblockPage: false,
    beaconQueueOptions: {flushQueueInterval: 500}});
  analytics.identify(`u-${useBeacon}`, {email: 'ana@example.org'});
  analytics.page('Home');
  analytics.track('Order Completed', {revenue: 5});
  analytics.group('g-1');
  analytics.alias('u-2');
}"""


def _sent(log: SegmentLog) -> list[Event]:
    found: list[Event] = []
    for partition in log.partitions():
        found += [read(record.payload) for record in log.read(partition, log.start(partition)).records]
    return found


@pytest.mark.needs("node", "chromium")
def test_every_kind_of_call_arrives_once_by_request_and_by_beacon(tmp_path: Path, chromium: str) -> None:
    from playwright.sync_api import sync_playwright

    modules = node.modules()
    assert modules is not None
    site = tmp_path / "site"
    site.mkdir()
    shutil.copy(modules / "@rudderstack/analytics-js/dist/npm/legacy/bundled/umd/index.js", site / "rudder.js")
    (site / "index.html").write_text('<!doctype html><title>shop</title><script src="/rudder.js"></script>')
    key = settings.create(tmp_path / "ws").sources["default"].write_key
    serving = Serving(tmp_path / "ws", "127.0.0.1", free_port(), roles=("collector",))
    serving.start()
    log = SegmentLog(tmp_path / "ws" / "log")
    try:
        with page_server(site) as address, sync_playwright() as play:
            browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-quic"])
            for n_before, beacon in ((0, False), (5, True)):
                page = browser.new_page()
                page.goto(address)
                page.evaluate(LOAD, [serving.address, key, beacon])
                until = time.monotonic() + 90
                while len(_sent(log)) < n_before + 5 and time.monotonic() < until:
                    page.wait_for_timeout(100)
                page.close()
            browser.close()
    finally:
        serving.stop()
    events = _sent(log)
    assert len({event.event_id for event in events}) == len(events) == 10
    assert [event.type for event in events] == ["identify", "page", "track", "group", "alias"] * 2
    assert {event.channel for event in events} == {"web"}
    assert events[2].name == "Order Completed" and events[2].properties["revenue"] == 5
