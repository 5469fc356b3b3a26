"""Two records that may be one person's: asked about, answered by keys, taken back; everybody can read it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from ariane.console import create_app
from ariane.identity import matching
from ariane.identity.matching import Pair, Reason
from ariane.identity.matching.finding import Looked
from ariane.identity.matching.queue import FILE
from ariane.model import Identifier
from ariane.store import Stores
from tests.console.conftest import Site, event, make, serving
from tests.console.test_browser import browser, readable, visit  # noqa: F401  the fixture and what it is looked at with
from tests.console.test_deciding import Here

WHERE = "/identity/review?page=1&range=90d"
SAID = {"first_name": "Hélène", "last_name": "Marchand", "birth_date": "1985-02-01", "town": "Lyon"}
TYPED = {"first_name": "Helene", "last_name": "Marchant", "birth_date": "1985-02-01", "postcode": "69001"}


def fill(stores: Stores) -> None:
    (stores.path / "identity.toml").write_text("[kinds.partner_id]\npriority = 30\n", encoding="utf-8")
    with stores.log.writer("web-0") as writer:
        for n in range(3):
            named = {"externalIds": [{"id": f"p{n}", "type": "partner_id"}]}
            writer.append([
                event(type="identify", user_id=f"u{n}", message_id=f"a{n}", properties=SAID),
                event(event="Contract Signed", message_id=f"b{n}", properties=TYPED, context=named),
            ])  # fmt: skip


def queue(path: Path) -> None:
    """What looking would leave."""
    reasons = (
        Reason("prior", -1.0, -9.1),
        Reason("born", 1.0, 6.6),
        Reason("family", 0.75, 3.8),
        Reason("words", 0.2, -2.5),
    )
    pairs = [
        Pair(Identifier("user_id", f"u{n}"), Identifier("partner_id", f"p{n}"), 0.97 - n / 100, reasons)
        for n in range(3)
    ]
    matching.keep(path, Looked(6, (), tuple(pairs), 0, False, "m1", None), 1_780_000_000_000_000)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("review") / "shop", fill, "Shop")


@pytest.fixture
def client(shop: Path) -> Iterator[httpx.Client]:
    with httpx.Client(transport=Here(create_app(shop)), base_url="http://localhost", follow_redirects=True) as made:
        yield made


def text(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def answer(client: httpx.Client, page: httpx.Response, **fields: str) -> httpx.Response:
    given = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text)) | {"actor": "Nina"}
    return client.post(str(page.url), data=given | fields, headers={"origin": "http://localhost"})


def test_before_a_look_the_screen_names_the_command(client: httpx.Client, shop: Path) -> None:
    (shop / FILE).unlink(missing_ok=True)
    assert "ariane link" in text(client.get(WHERE).text)


def test_a_pair_is_shown_answered_and_taken_back(client: httpx.Client, shop: Path) -> None:
    queue(shop)
    masked = client.get(WHERE)
    assert "Marchan" not in masked.text and "Pair 1 of 3" in text(masked.text) and "97% probable" in text(masked.text)
    page = client.get(WHERE + "&reveal=correction")
    said = text(page.text)
    assert "<mark>é</mark>" in page.text and "speaks strongly for it +6.6" in said and "would join" in said
    assert "one of them says nothing" in said and "counted with the names below" in said and "against" in page.text
    merged = answer(client, page, answer="same")
    assert "Pair 1 of 2" in text(merged.text) and "One person: written to the log." in text(merged.text)
    assert 'name="actor" required' in merged.text and 'value="Nina"' in merged.text
    parted = answer(client, merged, answer="different")
    assert "Pair 1 of 1" in text(parted.text)
    back = answer(client, parted, answer="undo")
    assert "Pair 1 of 2" in text(back.text) and "Take the last answer back" not in text(back.text)
    refused = answer(client, back, answer="same", actor=" ")
    assert refused.status_code == 400 and "needs its actor" in text(refused.text)


@pytest.mark.needs("chromium")
def test_everybody_can_read_and_answer_with_keys(browser: Any, shop: Path) -> None:  # noqa: F811
    queue(shop)
    opened = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en-GB", reduced_motion="reduce")
    opened.wrong = []
    opened.on("console", lambda said: opened.wrong.append(said.text) if said.type in ("error", "warning") else None)
    with serving(shop) as address:
        site = Site(address, shop)
        readable(opened, site, WHERE + "&reveal=correction&actor=Nina")
        visit(opened, site, WHERE + "&actor=Nina&lang=en")
        before = opened.inner_text("h2#asked")
        opened.keyboard.press("j")
        opened.wait_for_url("**page=2**")
        opened.keyboard.press("k")
        opened.wait_for_url("**page=1**")
        opened.keyboard.press("n")
        opened.wait_for_selector("[role=status]")
        assert opened.inner_text("h2#asked") != before
        opened.keyboard.press("u")
        opened.wait_for_selector("[role=status]", state="detached")
        assert opened.inner_text("h2#asked") == before
        site.client.close()
    opened.close()
