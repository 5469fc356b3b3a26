"""Sources: how each stands, what to copy to connect another, and adding one."""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ariane import settings
from ariane.console.arriving import state_of
from ariane.ingest import Record, encode
from ariane.ingest.plan import freeze, plan_of, planned, write_schema
from ariane.ingest.refusals import Refusal, Refusals
from ariane.model import HOUR
from ariane.store import Stores
from tests.console.conftest import Site, event, make, serving


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four sources: one that sends, one with mistakes of every sort, one that was imported, one that is silent."""

    def fill(stores: Stores) -> None:
        settings.add_source(stores.path, "till", "store")
        settings.add_source(stores.path, "silent", "email")
        write_schema(stores.path, planned("Sold"), {"properties": {"properties": {"required": ["order_id"]}}})
        freeze(stores.path, planned("Sold"), "quarantine")
        with stores.log.writer("web-0") as writer:
            writer.append(
                [event(event="Viewed", anonymous_id=f"c{n}", source="default", message_id=f"v{n}") for n in range(7)]
            )
            machine = {"userAgent": "Googlebot/2.1"}
            writer.append([event(event="Crawled", anonymous_id="bot", source="till", context=machine)])
            # An event is judged by the plan that held when it was received.
            then = plan_of(stores.path).latest_us() + 1
            sold = Record(source="till", message_id="s", type="track", received_us=then, event="Sold")
            writer.append([encode(sold)])
            writer.append([event(type="track", anonymous_id="c2", source="till", invalid="No event name.")])
            twice = [event(event="Returned", anonymous_id="c3", source="till", message_id="once")]
            writer.append(twice)
            writer.append(twice)
        with stores.log.writer("import") as writer:
            writer.append([event(event="Visited", anonymous_id="c4", source="import_visits")])
        refused = Refusal(int(time.time() * 1_000_000), 401, "unknown_write_key", "No.", "/v1/track")
        Refusals(stores.path, "web-0").note(refused)

    return make(tmp_path_factory.mktemp("sources") / "shop", fill, "Shop")


@pytest.fixture(scope="module")
def site(shop: Path) -> Iterator[Site]:
    with serving(shop) as address:
        one = Site(address, shop)
        yield one
        one.client.close()


def rows_of(site: Site) -> dict[str, dict[str, str]]:
    text = site.get("/sources.csv").text.lstrip("\ufeff")
    return {row["source"]: row for row in csv.DictReader(io.StringIO(text))}


def test_each_source_stands_with_its_own_counts(site: Site) -> None:
    rows = rows_of(site)
    assert set(rows) == {"default", "till", "silent", "import_visits"}
    assert rows["default"] | {"n_events": "7", "state": "live", "n_last_60_minutes": "7"} == rows["default"]
    till = rows["till"]
    assert (till["n_bots"], till["n_quarantined"]) == ("1", "1")
    assert (till["n_with_a_warning_of_newest"], till["n_seen_before_of_newest"]) == ("1", "1")
    assert rows["silent"]["state"] == "never" and rows["silent"]["n_events"] == "0"


def test_the_whole_is_told(site: Site) -> None:
    page = site.get("/sources").text
    tiles = dict(re.findall(r'<h2>([^<]+)</h2>\s*<div class="v">([^<]*)</div>', page))
    assert tiles["Requests refused"] == "1" and tiles["In quarantine"] == "1" and tiles["Behind"] == "level"


def test_how_fresh_a_source_is() -> None:
    assert [state_of("web", HOUR, HOUR + age * HOUR) for age in (0, 2, 30)] == ["live", "today", "quiet"]
    assert state_of("import_till", HOUR, 31 * HOUR) == "imported" and state_of("web", None, HOUR) == "never"


def test_a_write_key_is_copied_and_not_shown(site: Site) -> None:
    keys = [source.write_key for source in settings.load(site.path).sources.values()]
    for where in ("/sources", "/sources?open=till", "/sources?open=ariane-js", "/sources?open=http"):
        page = site.get(where).text
        seen = re.sub(r'data-text="[^"]*"', "", page)
        assert any(key in page for key in keys) and not any(key in seen for key in keys)


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_every_kind_says_what_to_copy(site: Site, lang: str) -> None:
    kinds = re.findall(r'class="card kind" href="([^"]+)"', site.get(f"/sources?lang={lang}").text)
    assert len(kinds) > 30
    for href in kinds:
        part = site.get(href.replace("&amp;", "&").replace("/sources?", "/sources/connect?")).text
        assert "<pre" in part and "<copy-text>" in part and "None" not in re.sub(r"<[^>]*>", "", part), href


def test_a_channel_narrows_the_kinds(site: Site) -> None:
    page = site.get("/sources?channel=call_centre").text
    assert "Call centre" in page and "Shopify" not in page


def test_a_source_is_added_from_the_console_alone(site: Site) -> None:
    form, here = {"name": "kiosk", "channel": "store"}, {"origin": site.address}
    assert site.client.post("/sources/add", data=form).status_code == 403
    assert (
        site.client.post("/sources/add", data=form, headers={"origin": "http://elsewhere.example"}).status_code == 403
    )
    assert "kiosk" not in settings.load(site.path).sources
    answer = site.client.post("/sources/add", data=form, headers=here)
    assert answer.status_code == 303 and "kiosk" in site.get(answer.headers["location"]).text
    assert settings.load(site.path).sources["kiosk"].channel == "store"


@pytest.mark.parametrize(
    "form",
    [{"name": "till"}, {"name": ""}, {"name": 'x"]\nport = 1'}, {"name": "<b>x</b>"}, {}, {"name": "é" * 300},
     {"name": "sound", "channel": 'web"\nname = "gone'}],
)  # fmt: skip
def test_a_source_that_cannot_be_is_refused_and_said(site: Site, form: dict[str, str]) -> None:
    before = (site.path / "ariane.toml").read_bytes()
    answer = site.client.post("/sources/add", data=form, headers={"origin": site.address})
    assert answer.status_code in (400, 409) and 'id="problem"' in answer.text and "<b>x</b>" not in answer.text
    assert (site.path / "ariane.toml").read_bytes() == before
