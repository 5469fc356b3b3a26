"""Deciding about a person from their page: what it would do is shown first, then it is done, and taken back."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from ariane import identity, ingest
from ariane.console import create_app
from ariane.store import Stores
from tests.console.conftest import Site, event, make

NAMED = {"firstName": "Hélène", "last_name": "Marchand", "email": "h.marchand@example.org"}
WHO = {"actor": "Nina Roux", "reason": "She called"}


def fill(stores: Stores) -> None:
    consent: dict[str, Any] = {"purpose": "marketing", "channel": "email"}
    with stores.log.writer("web-0") as writer:
        writer.append(
            [
                event(type="identify", user_id="helene", anonymous_id="cookie-one", message_id="1", properties=NAMED),
                event(event="Consent Given", user_id="helene", message_id="2", properties=consent),
                event(event="Product Viewed", anonymous_id="cookie-two", message_id="3", channel="store"),
                event(event="Consent Withdrawn", anonymous_id="cookie-two", message_id="4", properties=consent),
                event(type="identify", user_id="max-7", message_id="5", properties={"name": "Max Marchal"}),
            ]
        )


class Here(httpx.BaseTransport):
    """The console in this process."""

    def __init__(self, app: Starlette) -> None:
        self._app, self._runner = httpx.ASGITransport(app=app), asyncio.Runner()
        self._runner.get_loop()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def asked() -> httpx.Response:
            answer = await self._app.handle_async_request(request)
            return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())

        return self._runner.run(asked())

    def close(self) -> None:
        self._runner.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    shop = make(tmp_path_factory.mktemp("deciding") / "shop", fill, "Shop")
    one = Site("http://localhost", shop)
    app = create_app(shop)
    with httpx.Client(transport=Here(app), base_url=one.address, headers={"accept-language": "en"}) as one.client:
        yield one
    app.state.desk.close()


def level(site: Site) -> None:
    """Absorb what was decided, as the stream does."""
    stores = Stores(site.path)
    with stores.state.begin() as conn:
        for record in stores.log.read("console", 0, 1_000_000).records:
            identity.absorb(conn, [ingest.read(record.payload)], identity.rules_of(site.path))
    stores.close()


def found(site: Site, q: str, **more: str) -> list[dict[str, str]]:
    text = site.client.get("/people.csv", params={"q": q, **more}).text.lstrip("\ufeff")
    return list(csv.DictReader(io.StringIO(text)))


def decide(site: Site, href: str, **fields: str) -> tuple[str, httpx.Response]:
    """What the page foretells, and the answer to its form filled in."""
    text = site.get(href).text
    foretold = unescape(re.findall(r'class="foretold[^"]*">([^<]+)', text)[0])
    form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', text))
    action = unescape(re.findall(r'method="post" action="([^"]+)"', text)[0])
    headers = {"origin": site.address}
    return foretold, site.client.post(action, data=form | WHO | fields, headers=headers)


def links(site: Site, where: str, do: str) -> list[str]:
    return [unescape(href) for href in re.findall(rf'href="(/people/[^"]+do={do}[^"]*)"', site.get(where).text)]


def test_a_person_is_found_by_name_and_by_what_they_did(site: Site) -> None:
    assert [(one["found_by"], one["found"]) for one in found(site, "marchand helene")] == [("name", "H••• M•••")]
    assert {one["found_by"] for one in found(site, "march")} == {"identifier", "name"}
    assert len(found(site, "march", by="name")) == 2 and len(found(site, "march", by="event")) == 0
    (viewed,) = found(site, "product viewed")
    assert (viewed["found_by"], viewed["found"], viewed["identifier_kind"]) == ("event", "Product Viewed", "cookie")
    assert found(site, "product viewed", channel="store") == [viewed]
    assert not found(site, "product viewed", kind="email") and not found(site, "product viewed", state="shared")
    assert found(site, "hélène", reveal="support")[0]["found"] == "Hélène Marchand"
    assert not found(site, "helen3") and not found(site, "xylophone")


def test_the_thread_is_narrowed_by_its_form(site: Site) -> None:
    where = f"/people/{found(site, 'helene')[0]['person_id']}"

    def shown(query: str) -> list[str]:
        return re.findall(r'<b class="any">([^<]+)', site.get(f"{where}?{query}").text)

    assert len(shown("")) == 2 and shown("text=MARKETING&event=Consent Given") == ["Consent Given"]
    assert shown("text=nothing&channel=web") == shown("until=2020-01-01") == []
    sheet = site.get(f"{where}/timeline.csv?event=Consent Given").text
    assert "Consent Given" in sheet and sheet.count("\n") == 2


def test_a_merge_is_foretold_done_and_taken_back(site: Site) -> None:
    helene, other = (found(site, q)[0]["person_id"] for q in ("helene", "cookie-two"))
    start = [site.get(f"/people/{one}/identifiers.csv").text for one in (helene, other)]
    (merge,) = links(site, f"/people/{helene}/decide?do=merge&q=cookie-two", "merge&amp;a=")
    shown = site.get(merge).text
    assert (
        "they differ" in shown and shown.count('class="side-of"') == 3
    )  # consent given to one, withdrawn by the other
    foretold, refusal = decide(site, merge, actor=" ")
    assert refusal.status_code == 400 and "needs its actor" in refusal.text and 'value="She called"' in refusal.text
    assert re.fullmatch(r"\d identifiers?, \d events? and 1 consent would join P-\w+\.", foretold)
    foretold, done = decide(site, merge)
    assert done.status_code == 303
    where = done.headers["location"].partition("#")[0]
    assert "Persons Merged (Nina Roux" in site.get(where).text  # written, and not yet true
    level(site)
    merged = site.get(where).text
    assert "Was two persons until" in merged and "do=retract" in merged.split("Was two persons until")[1][:700]
    assert "Persons Merged (" not in merged and found(site, "helene")[0] == found(site, "cookie-two")[0] | {
        name: found(site, "helene")[0][name] for name in ("found", "found_by")
    }
    assert "decided by hand" in site.get("/identity").text

    (undo,) = links(site, "/identity", "retract")
    foretold, done = decide(site, undo)
    assert "would leave" in foretold and done.status_code == 303
    level(site)
    assert [site.get(f"/people/{one}/identifiers.csv").text for one in (helene, other)] == start
    assert site.get(f"/people/{found(site, 'helene')[0]['person_id']}").text.count("evidence taken back") == 1


def test_a_path_is_told_and_parted(site: Site) -> None:
    where = f"/people/{found(site, 'helene')[0]['person_id']}"
    options = re.findall(r'<option value="([0-9a-f]{16})">([^<]+)', site.get(where).text)
    choices = {label: ref for ref, label in options}
    a, b = (ref for label, ref in choices.items() if label.startswith(("E-mail", "Cookie")))
    told = site.get(f"{where}?a={a}&b={b}").text
    steps = [unescape(step) for step in re.findall(r'<li class="any">([^<]+)', told)]
    assert len(steps) == 2 and "signed in together" in steps[0] and "example.org" not in told
    assert len(re.findall(r'class="e [^"]+ on"', told)) == 2  # the path's two lines in the picture
    (split,) = links(site, f"{where}?a={a}&b={b}", "split")
    foretold, done = decide(site, split)
    assert "would leave" in foretold and done.status_code == 303
    level(site)
    refused = site.get("/identity").text
    assert "somebody held the two apart" in refused and "a part became" in refused
    sheet = site.get("/identity/refused.csv").text
    assert "separated" in sheet
    foretold, done = decide(site, next(iter(links(site, "/identity", "lift"))))
    assert done.status_code == 303
    level(site)
    assert site.get("/identity/refused.csv").text.count("\n") == 1


def test_what_limits_forbid_is_said_and_foreign_forms_are_refused(site: Site) -> None:
    helene = found(site, "helene")[0]["person_id"]
    (merge,) = links(site, f"/people/{helene}/decide?do=merge&q=marchal", "merge&amp;a=")
    text = site.get(merge).text
    assert "one person may have 1 of this kind (Account), they have 2." in unescape(text)
    form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', text)) | WHO
    assert site.client.post(f"/people/{helene}/decide", data=form).status_code == 403
    gone = site.client.post(f"/people/{helene}/decide", data=WHO, headers={"origin": site.address})
    assert gone.status_code == 400
