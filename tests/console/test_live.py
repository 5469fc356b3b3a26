"""Live events: what arrives is shown as it arrives, with its verdict."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from ariane import processes
from ariane.ingest.refusals import Refusal, Refusals
from ariane.store import SegmentLog, Stores
from tests.console.conftest import Site, event


def stream(site: Site, query: str, sent: list[bytes], wanted: int) -> list[str]:
    """The lines streamed after these records were appended."""
    lines: list[str] = []

    def append(path: Path) -> None:
        with SegmentLog(path / "log").writer("test") as writer:
            writer.append(sent)

    with httpx.stream("GET", f"{site.address}/live/stream?lang=en{query}", timeout=30) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith(": here"):
                threading.Thread(target=append, args=(site.path,)).start()
            if line.startswith("data: ") and "<li" in line:
                lines.append(line)
                if len(lines) == wanted:
                    break
    return lines


def test_an_event_is_shown_with_what_became_of_it(town_site: Site) -> None:
    sent = [
        event(event="Lamp Lit", anonymous_id="live-1"),
        event(event="<script>x</script>", anonymous_id="live-2", invalid="No such <b>thing</b>."),
    ]
    lines = stream(town_site, "", sent, 2)
    assert "Lamp Lit" in lines[0] and "accepted" in lines[0]
    assert "warning" in lines[1] and "<script>" not in lines[1] and "No such &lt;b&gt;" in lines[1]


def test_filters_hold_for_what_is_to_come(town_site: Site) -> None:
    sent = [
        event(event="On the web", anonymous_id="live-3", channel="web", context={"channel": "web"}),
        event(event="In the shop", anonymous_id="live-4", context={"channel": "store"}),
    ]
    (line,) = stream(town_site, "&channel=store", sent, 1)
    assert "In the shop" in line


def test_a_refused_request_is_in_the_stream(town_site: Site) -> None:
    def refuse(path: Path) -> None:
        reason = "No source has this <i>write key</i>."
        refused = Refusal(time.time_ns() // 1000, 401, "unknown_write_key", reason, "/v1/track", "till/2", 57)
        Refusals(path, "web-0").note(refused)

    with httpx.stream("GET", f"{town_site.address}/live/stream?status=rejected", timeout=30) as answer:
        for line in answer.iter_lines():
            if line.startswith(": here"):
                threading.Thread(target=refuse, args=(town_site.path,)).start()
            if "<li" in line:
                break
    assert "rejected" in line and "401" in line and "write key&lt;/i&gt;" in line and "/people/" not in line
    page = town_site.get("/live?status=rejected").text
    assert "till/2" in page and town_site.get("/live?status=rejected&q=elsewhere").text.count("till/2") == 0


@pytest.fixture(scope="module")
def happened(town: Path) -> Path:
    """Three visits: a cookie seen alone, an account seen alone, and a login that makes them one; one sent twice."""
    stores = Stores(town)
    sent = (
        [event(event="Looked", anonymous_id="merged-c"), event(event="Ordered", user_id="merged-u")],
        [event(event="Signed in", anonymous_id="merged-c", user_id="merged-u", message_id="once")],
        [event(event="Signed in", anonymous_id="merged-c", user_id="merged-u", message_id="once"),
         event(event="Crawled", anonymous_id="crawler", context={"userAgent": "Googlebot/2.1"})],
    )  # fmt: skip
    for payloads in sent:
        with stores.log.writer("live") as writer:
            writer.append(payloads)
        processes.catch_up(stores)
    stores.close()
    return town


def lines_of(page: str) -> list[str]:
    return re.findall(r"<li class.*?</li>", page, re.DOTALL)


def test_a_merge_names_the_person_and_leads_to_why(town_site: Site, happened: Path) -> None:
    (twice, once) = lines_of(town_site.get("/live?event=Signed+in").text)
    assert "merged 1 person into this one" in once and "seen before" in twice
    why = re.search(r'href="(/people/P-[^"#?]+)[^"]*#why"', once)
    assert why and 'id="why"' in town_site.get(why[1]).text


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("status=bot", {"Crawled"}), ("status=duplicate", {"Signed in"}), ("event=Looked", {"Looked"}),
        ("q=crawl", {"Crawled"}), ("source=web&event=Ordered", {"Ordered"}), ("source=elsewhere", set()),
    ],
)  # fmt: skip
def test_what_the_address_asks_for_is_shown(town_site: Site, happened: Path, query: str, names: set[str]) -> None:
    page = town_site.get(f"/live?{query}")
    assert {re.search(r'<b class="ell" title="([^"]*)"', line)[1] for line in lines_of(page.text)} == names  # type: ignore[index]
    assert names or "Nothing like that among the newest" in page.text


def placed(site: Site, name: str) -> str:
    line = lines_of(site.get(f"/live?event={name}").text)[0]
    found = re.search(r"open=([^\"&]+)", line)
    assert found
    return found[1]


ANA = {
    "email": "ana@example.org", "name": "Ana Prat", "phone": "+33612345678", "plan": "gold",
    "address": {"city": "Lyon", "street": "1 rue Prat"}, "friends": ["@ana_prat"], "n": 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def told(town: Path) -> Path:
    """Somebody who tells everything about themselves, in every place there is."""
    stores = Stores(town)
    context = {"ip": "81.2.3.4", "page": {"url": "https://shop.example/?email=ana@example.org"}, "channel": "app",
               "device": {"id": "ana-phone"}, "externalIds": [{"id": "ana-card", "type": "loyalty_card"}]}  # fmt: skip
    with stores.log.writer("told") as writer:
        writer.append(
            [
                event(type="identify", user_id="ana-1", anonymous_id="ana-cookie", properties=ANA, context=context),
                event(event="Reviewed", user_id="ana-account", properties={"comment": "Ana was here", "store": "Lyon",
                      "email": "Ana@Example.org"}, context=context),
            ]
        )  # fmt: skip
    processes.catch_up(stores)
    stores.close()
    return town


@pytest.mark.parametrize("name", ["identify", "Reviewed"])
def test_a_test_out_of_an_event_runs_and_names_nobody(town_site: Site, told: Path, name: str, tmp_path: Path) -> None:
    place = placed(town_site, name)
    text = town_site.get(f"/live/test_event.py?at={place}").text
    sent = town_site.get(f"/live/event.sh?at={place}").text
    for said in (text, sent):
        assert not re.search(r"\bana\b|prat|12345678|81\.2\.3\.4|\brue\b", said, re.IGNORECASE)
    file = tmp_path / "test_event.py"
    file.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(file)]
    ran = subprocess.run(command, capture_output=True, text=True, env=os.environ, cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout
    shown = town_site.get(f"/live/test_event.py?at={place}&reveal=support").text
    assert "ana-" in shown


def test_a_request_out_of_an_event_is_taken_by_the_collector(town_site: Site, told: Path) -> None:
    from ariane.ingest.keys import Keys
    from ariane.ingest.receive import receive

    text = town_site.get(f"/live/event.sh?at={placed(town_site, 'identify')}").text
    kind = re.search(r"/v1/(\w+)", text)
    body = text.split("<<'EVENT'\n")[1].removesuffix("\nEVENT\n")
    assert kind and json.loads(body)["traits"]["n"] == 3
    received = receive(kind[1], {"authorization": "Basic d2s6"}, body.encode(), Keys({"wk": ("web", "web")}), 7)
    assert received.reply.status == 200 and received.n_invalid == 0 and len(received.payloads) == 1


def test_what_the_libraries_send_of_somebody_and_of_their_device_is_left_out_too() -> None:
    from ariane.console.reproducing import as_curl, read_record
    from ariane.ingest.keys import Keys
    from ariane.ingest.receive import receive

    sent = {
        "messageId": "m", "userId": "ana", "traits": {"nom": "Prat", "employer": "Acme", "age": 43, "plan": "gold"},
        "context": {"device": {"id": "UDID-9", "type": "ios", "name": "iPhone de Ana", "advertisingId": "AAAA-BBBB"},
                    "location": {"latitude": 48.8566, "longitude": 2.3522}},
    }  # fmt: skip
    keys = Keys({"wk": ("web", "web")})
    [payload] = receive("identify", {"authorization": "Basic d2s6"}, json.dumps(sent).encode(), keys, 7).payloads
    told = as_curl(read_record(payload, shown=False), "http://127.0.0.1:8600")
    assert '"nom"' in told and '"advertisingId"' in told
    assert not re.search(r"\bana\b|prat|acme|\b43\b|UDID|AAAA|48\.8|2\.35", told, re.IGNORECASE)


@pytest.mark.parametrize("place", ["", "web-0", "nowhere:0", "told:1", "told:99999999999", "../told:0", "told:-1"])
def test_where_no_event_stands_there_is_no_test(town_site: Site, told: Path, place: str) -> None:
    assert town_site.client.get("/live/test", params={"at": place}).status_code == 404
