"""The tracking plan on its screen: proposed, kept, frozen, broken, mended, let out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ariane import processes
from ariane.ingest import Record, encode
from ariane.ingest.plan import plan_of, planned, read_schema, write_schema
from ariane.store import Stores
from tests.console.conftest import Site, event, make, serving


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    def fill(stores: Stores) -> None:
        with stores.log.writer("web-0") as writer:
            told = [{"order_id": f"A-{n}", "contact": f"ana{n}@example.org"} for n in range(40)]
            writer.append(
                [event(event="Sold", user_id=f"u{n}", message_id=f"s{n}", properties=one) for n, one in enumerate(told)]
            )

    shop = make(tmp_path_factory.mktemp("plan") / "shop", fill, "Shop")
    with serving(shop) as address:
        one = Site(address, shop)
        yield one
        one.client.close()


def do(site: Site, what: str, name: str = "Sold") -> httpx.Response:
    return site.client.post("/plan/act", data={"do": what, "event": name}, headers={"origin": site.address})


def row(site: Site) -> dict[str, str]:
    sheet = csv.DictReader(io.StringIO(site.get("/plan.csv").text.lstrip("\ufeff")))
    return next(one for one in sheet if one["event"] == "Sold")


def settle(path: Path) -> None:
    stores = Stores(path)
    processes.catch_up(stores)
    stores.close()


def test_an_event_is_planned_held_apart_and_let_out(site: Site) -> None:
    assert row(site)["status"] == "new" and "no schema" in site.get("/plan").text
    assert "order_id" in site.get("/plan/event?open=Sold").text  # proposed, not yet kept
    assert do(site, "draft").status_code == 303 and row(site)["status"] == "drafted"
    assert do(site, "quarantine").status_code == 303
    assert row(site) | {"status": "frozen", "mode": "quarantine", "version": "1"} == row(site)
    stores = Stores(site.path)
    then = plan_of(site.path).latest_us() + 1
    bare = Record(source="web", message_id="bare", type="track", received_us=then, event="Sold", user_id="u1")
    with stores.log.writer("web-0") as writer:
        writer.append([encode(bare)])
    stores.close()
    settle(site.path)
    assert row(site)["n_held"] == "1"
    page = site.get("/plan").text
    assert "is missing" in page and "bare" in site.get("/plan/quarantine.csv").text
    assert "is missing" in site.get("/plan/event?open=Sold").text

    schema = read_schema(site.path, planned("Sold"))
    schema.pop("required", None)
    schema["properties"]["properties"].pop("required", None)
    write_schema(site.path, planned("Sold"), schema)
    assert row(site)["status"] == "edited" and "edited" in site.get("/plan/event?open=Sold").text
    assert do(site, "freeze").status_code == 303 and row(site)["version"] == "2"
    assert do(site, "replay", "").status_code == 303
    settle(site.path)
    assert row(site)["n_held"] == "0"
    assert do(site, "thaw").status_code == 303 and row(site)["status"] == "thawed"


def test_a_field_that_looks_personal_is_named_and_its_values_are_not(site: Site) -> None:
    page = site.get("/plan").text
    assert "properties.contact" in page and "ana1@example.org" not in page


@pytest.mark.parametrize(("what", "name"), [("", "Sold"), ("freeze", "Nothing"), ("drop", "Sold"), ("draft", "<b>")])
def test_what_cannot_be_done_is_said(site: Site, what: str, name: str) -> None:
    answer = do(site, what, name)
    assert answer.status_code == 400 and 'role="alert"' in answer.text and "<b></b>" not in answer.text


def test_only_the_console_acts(site: Site) -> None:
    assert site.client.post("/plan/act", data={"do": "thaw", "event": "Sold"}).status_code == 403
    assert site.client.get("/plan/event?open=Nothing").status_code == 404
