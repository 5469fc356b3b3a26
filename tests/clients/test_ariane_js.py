"""ariane.js in a real browser, on a page of another origin, against the running collector."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ariane import settings
from ariane.ingest import read
from ariane.ingest.browser import script
from ariane.model import Event
from ariane.processes import Serving
from ariane.store import SegmentLog
from tests import node
from tests.clients.serving import free_port, page_server
from tests.machine import REPOSITORY

pytestmark = pytest.mark.needs("chromium")
CHANGED = "Segment Consent Preference Updated"


_numbers = count(36)


class Shop:
    """A shop's pages with ariane.js on them, and what the collector was sent."""

    def __init__(self, site: str, folder: Path, serving: Serving, log: SegmentLog, browser: Any) -> None:
        self.site, self.folder, self.serving, self.log = site, folder, serving, log
        # A headless browser says so, and is taken for a robot; each test tells its own events by this name.
        self.agent = f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.{next(_numbers)}"
        self.context = browser.new_context(user_agent=self.agent)

    def open(self, path: str = "/index.html", page: Any = None) -> Any:
        page = page or self.context.new_page()
        page.goto(self.site + path, wait_until="load")
        page.wait_for_function("!!(window.ariane && window.ariane.track)")
        return page

    def sent(self) -> list[Event]:
        found: list[Event] = []
        for partition in self.log.partitions():
            found += [read(record.payload) for record in self.log.read(partition, self.log.start(partition)).records]
        return [event for event in found if event.context.get("userAgent") == self.agent]

    def until(self, true: Callable[[list[Event]], bool], seconds: float = 15) -> list[Event]:
        until = time.monotonic() + seconds
        while not true(self.sent()):
            assert time.monotonic() < until, [(event.type, event.name) for event in self.sent()]
            self.serving.watch()
            time.sleep(0.05)
        return self.sent()

    def stored(self, page: Any) -> tuple[dict[str, str], dict[str, str]]:
        cookies = {cookie["name"]: cookie["value"] for cookie in self.context.cookies(self.site)}
        return cookies, json.loads(page.evaluate("JSON.stringify(localStorage)"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[tuple[Any, ...]]:
    from playwright.sync_api import sync_playwright

    path = tmp_path_factory.mktemp("shop")
    key = settings.create(path / "ws").sources["default"].write_key
    serving = Serving(path / "ws", "127.0.0.1", free_port(), roles=("collector",), backoff_s=(0.0,))
    serving.start()
    site = path / "site"
    site.mkdir()
    tag = f'<script async src="{serving.address}/ariane.js" data-key="{key}"></script>'
    impatient = tag.replace("data-key", 'data-wait="0.5" data-key')
    early = "<script>(window.ariane = window.ariane || []).push(['track', 'Early', {n: 1}])</script>"
    body = '<title>Lamps</title><button id="buy">Buy for ana@example.org</button>'
    (site / "index.html").write_text(f"<!doctype html>{early}{tag}{body}")
    (site / "slow.html").write_text(f"<!doctype html>{impatient}{body}<img src='/slow.png' alt=''>")
    try:
        with page_server(site) as address, sync_playwright() as play:
            browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-quic"])
            yield address, site, serving, SegmentLog(path / "ws" / "log"), browser
            browser.close()
    finally:
        serving.stop()


@pytest.fixture
def shop(served: tuple[Any, ...]) -> Iterator[Shop]:
    shop = Shop(*served)
    yield shop
    shop.context.close()


def test_nothing_is_sent_or_stored_before_the_answer(shop: Shop) -> None:
    page = shop.open()
    page.evaluate("ariane.track('Product Viewed', {product_id: 'fil'})")
    page.evaluate("ariane.flush()")
    page.goto(shop.site + "/slow.html")  # leaves the page: no beacon either
    page.wait_for_timeout(1500)
    assert shop.sent() == []
    assert shop.stored(page) == ({}, {})


def test_after_yes_what_waited_is_sent_with_the_consent(shop: Shop) -> None:
    page = shop.open("/index.html?utm_source=news&utm_campaign=spring&email=ana@example.org")
    page.evaluate("ariane.consent({measurement: true, marketing: false})")
    events = shop.until(lambda sent: len(sent) == 3)
    assert [(event.type, event.name) for event in events] == [("page", "Lamps"), ("track", "Early"), ("track", CHANGED)]
    cookies, _ = shop.stored(page)
    assert {event.anonymous_id for event in events} == {cookies["ariane_id"]}
    for event in events:
        assert event.context["consent"] == {"categoryPreferences": {"measurement": True, "marketing": False}}
        assert event.channel == "web" and event.source == "default" and not event.is_bot
    assert events[0].context["campaign"] == {"source": "news", "campaign": "spring", "name": "spring"}
    assert "ana@example.org" not in json.dumps([event.context for event in events])


def test_the_next_page_is_the_same_visitor(shop: Shop) -> None:
    page = shop.open()
    page.evaluate("ariane.consent({measurement: true}); ariane.identify('u-1', {plan: 'pro'})")
    shop.until(lambda sent: len(sent) == 4)
    shop.open("/slow.html", page)
    events = shop.until(lambda sent: any(event.context["page"]["path"] == "/slow.html" for event in sent))
    assert len({event.anonymous_id for event in events}) == 1
    assert events[-1].user_id == "u-1" and events[-1].context["consent"]["categoryPreferences"] == {"measurement": True}


def test_no_leaves_only_the_answer(shop: Shop) -> None:
    page = shop.open()
    page.evaluate("ariane.consent({measurement: false, marketing: false}); ariane.track('Product Viewed')")
    events = shop.until(lambda sent: len(sent) == 1)
    page.wait_for_timeout(1200)
    assert [event.name for event in shop.sent()] == [CHANGED]
    assert events[0].context["consent"]["categoryPreferences"]["measurement"] is False
    cookies, local = shop.stored(page)
    assert set(cookies) == {"ariane_consent"} and local == {}


def test_withdrawing_is_said_under_the_old_id_and_removes_it(shop: Shop) -> None:
    page = shop.open()
    page.evaluate("ariane.consent({measurement: true})")
    shop.until(lambda sent: len(sent) == 3)
    known = shop.stored(page)[0]["ariane_id"]
    page.evaluate("ariane.consent({measurement: false}); ariane.track('Product Viewed')")
    events = shop.until(lambda sent: len(sent) == 4)
    assert events[-1].name == CHANGED and events[-1].anonymous_id == known
    cookies, local = shop.stored(page)
    assert set(cookies) == {"ariane_consent"} and local == {}


def test_events_of_an_offline_visit_are_kept_and_sent_once(shop: Shop) -> None:
    page = shop.open()
    page.evaluate("ariane.consent({measurement: true})")
    shop.until(lambda sent: len(sent) == 3)
    shop.context.set_offline(True)
    page.evaluate("for (let n = 0; n < 120; n++) ariane.track('Offline', {n})")
    page.wait_for_timeout(1500)
    assert any(key.startswith("ariane_queue_") for key in shop.stored(page)[1])
    assert not [event for event in shop.sent() if event.name == "Offline"]
    page.close()
    shop.context.set_offline(False)
    page = shop.open()
    events = shop.until(lambda sent: sum(event.name == "Offline" for event in sent) >= 120)
    page.wait_for_timeout(500)
    events = [event for event in shop.sent() if event.name == "Offline"]
    assert sorted(event.properties["n"] for event in {event.event_id: event for event in events}.values()) == list(
        range(120)
    )
    page.wait_for_function("!Object.keys(localStorage).some(key => key.startsWith('ariane_queue_'))")


def test_what_is_left_goes_by_beacon_when_the_page_goes(shop: Shop) -> None:
    page = shop.open()
    page.evaluate("ariane.consent({measurement: true})")
    shop.until(lambda sent: len(sent) == 3)
    page.evaluate("ariane.track('Last', {}); ariane.track('Very last', {})")
    page.goto("about:blank")
    shop.until(lambda sent: {"Last", "Very last"} <= {event.name for event in sent})


def test_rage_clicks_and_waits_are_told_without_what_the_page_says(shop: Shop) -> None:
    page = shop.open("/slow.html")
    page.evaluate("ariane.consent({measurement: true})")
    for _ in range(3):
        page.mouse.click(*_middle(page))
    page.evaluate("fetch('/slow.png')")
    events = shop.until(lambda sent: {"Rage Click", "Long Wait"} <= {event.name for event in sent})
    rage = [event for event in events if event.name == "Rage Click"]
    assert [event.properties for event in rage] == [{"path": "/slow.html", "element": "button#buy"}]
    events = shop.until(lambda sent: {"page", "request"} <= {event.properties.get("of") for event in sent})
    assert all(0.5 < event.properties["wait_s"] < 10 for event in events if event.name == "Long Wait")


def test_a_page_turned_without_loading_is_a_page(shop: Shop) -> None:
    page = shop.open()
    page.evaluate("ariane.consent({measurement: true}); history.pushState({}, '', '/lamps/fil')")
    events = shop.until(lambda sent: sum(event.type == "page" for event in sent) == 2)
    assert [event.context["page"]["path"] for event in events if event.type == "page"] == ["/index.html", "/lamps/fil"]


def test_the_collector_killed_meanwhile_costs_nothing(shop: Shop) -> None:
    page = shop.open()
    page.evaluate("ariane.consent({measurement: true})")
    shop.until(lambda sent: len(sent) == 3)
    child = shop.serving.workers.children["collector"]
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    page.evaluate("for (let n = 0; n < 200; n++) ariane.track('Meanwhile', {n})")
    page.wait_for_timeout(1500)
    shop.until(lambda sent: len({event.event_id for event in sent if event.name == "Meanwhile"}) == 200, 30)


def _middle(page: Any) -> tuple[float, float]:
    box = page.locator("#buy").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.mark.needs("node")
def test_what_is_sent_to_browsers_is_what_can_be_read() -> None:
    assert node.modules() is not None
    done = subprocess.run(["sh", "tools/shorten.sh", "-"], cwd=REPOSITORY, capture_output=True, check=True)
    assert done.stdout == script(), "ariane.js has changed: sh tools/shorten.sh"


def test_it_weighs_less_than_3_kb() -> None:
    assert len(script(compressed=True)) <= 3 * 1024
