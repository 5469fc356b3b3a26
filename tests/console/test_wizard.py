"""Importing a file from the console: brought, looked at, corrected, read whole, cut short and gone on with."""

from __future__ import annotations

import gzip
import html
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ariane import processes
from ariane.console import inbox
from ariane.console.loading import Loading
from ariane.errors import Conflict
from ariane.ingest.importers import propose_mapping
from ariane.store import Stores
from tests.console.conftest import Site, make, serving

TILL = "receipt;date;carte;montant;boutique;vendeuse\n" + "".join(
    f"R{n};{n % 28 + 1:02d}/03/2026 10:{n % 60:02d};L-{n % 40};{n % 90},{n % 90 + 10};{('Lyon', 'Paris')[n % 2]};Ana\n"
    for n in range(400)
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    shop = make(tmp_path_factory.mktemp("wizard") / "shop", lambda _stores: None, "Shop")
    with serving(shop) as address:
        one = Site(address, shop)
        yield one
        one.client.close()


def send(site: Site, where: str, **more: Any) -> httpx.Response:
    return site.client.post(where, headers={"origin": site.address}, **more)


def bring(site: Site, name: str, content: bytes) -> str:
    """Put a file into the inbox as a browser does; the address of its screen."""
    answer = send(site, f"/sources/import/upload?lang=en&name={name}", content=content)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["href"])


def roles_on(page: str) -> dict[str, str]:
    """What the screen says each column is for."""
    heads = re.findall(r'<th scope="col" class="any">([^<]*)</th>', page)
    chosen = [
        re.search(r'value="([^"]*)" selected', select)
        for select in re.findall(r'<select name="role-.*?</select>', page)
    ]
    return {head: one[1] if one else "?" for head, one in zip(heads, chosen, strict=bool(chosen))}


def imported(site: Site, where: str) -> str:
    """The progress once it has ended."""
    until = time.monotonic() + 60
    while True:
        part = site.get(where.replace("/sources/import?", "/sources/import/progress?")).text
        if "hx-get" not in part or time.monotonic() > until:
            return part
        time.sleep(0.1)


def test_a_file_is_brought_looked_at_corrected_and_read(site: Site) -> None:
    where = bring(site, "caisse.csv", TILL.encode())
    page = site.get(where).text
    roles = roles_on(page)
    assert roles["date"] == "time" and roles["boutique"] == "property" and "R0" in page
    columns = list(roles)
    form = {f"role-{place}": roles[column] for place, column in enumerate(columns)}
    form |= {f"role-{columns.index('carte')}": "id:loyalty_card", f"role-{columns.index('vendeuse')}": ""}
    form |= {"event_name": "Order Completed", "channel": "store"}
    saved = send(site, where.replace("/import?", "/import/mapping?"), data=form)
    assert saved.status_code == 303
    page = site.get(where).text
    assert roles_on(page) | {"carte": "id:loyalty_card", "vendeuse": ""} == roles_on(page)
    assert "Order Completed" in page and "Loyalty card L-" in page and "Ana" not in page.split('id="made"')[1]
    assert send(site, where.replace("/import?", "/import/run?")).status_code == 303
    done = imported(site, where)
    assert "read whole" in done and "401" in done  # and the event that says what was imported
    stores = Stores(site.path)
    processes.catch_up(stores)
    stores.close()
    events = site.get("/live?source=import_csv").text
    assert "Order Completed" in events and "P-" in events
    send(site, where.replace("/import?", "/import/run?"))
    assert "nothing was added" in imported(site, where)


def test_the_text_says_more_and_a_mistake_is_told(site: Site) -> None:
    where = bring(site, "texte.csv", TILL.encode())
    page = site.get(where).text
    text = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert text
    mapping = html.unescape(text[1])
    save = where.replace("/import?", "/import/mapping?")
    wrong = send(site, save, data={"text": mapping.replace("boutique", "magasin") + "colour = 1\n"})
    assert wrong.status_code == 400 and 'role="alert"' in wrong.text and "colour" in wrong.text
    skipping = mapping + '\n[[skip]]\ncolumn = "boutique"\nequals = ["Lyon"]\nreason = "elsewhere"\n'
    assert send(site, save, data={"text": skipping}).status_code == 303
    page = site.get(where).text
    assert ("100" in page and roles_on(page) == {}) or "role-0" not in page  # more than one choice a column can say
    assert send(site, save + "&propose=1", data={"text": ""}).status_code == 303
    assert "role-0" in site.get(where).text


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.csv.gz", lambda: gzip.compress(TILL.encode())),
        ("b.ndjson", lambda: b'{"at": "2026-03-01T10:00:00Z", "who": {"email": "ana@example.org"}, "n": 1}\n' * 3),
        ("c.parquet", lambda: _parquet()),
    ],
)
def test_every_format_is_looked_at(site: Site, name: str, write: Callable[[], bytes]) -> None:
    page = site.get(bring(site, name, write())).text
    assert 'class="sample"' in page and 'class="made"' in page and "Import the whole file" in page


def _parquet() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"date": ["2026-03-01T10:00:00Z"] * 9, "user_id": [f"u{n}" for n in range(9)]}), sink)
    return bytes(sink.getvalue().to_pybytes())


def test_a_kind_of_source_reads_its_own_files(site: Site) -> None:
    from ariane.ingest.sources import sample_of

    where = bring(site, "receipts.csv", sample_of("till").encode()) + "&kind=till"
    page = site.get(where).text
    assert "Order Completed" in page and "textarea" not in page
    send(site, where.replace("/import?", "/import/run?"))
    assert "read whole" in imported(site, where)


@pytest.mark.parametrize("content", [b"", b"no header at all", b"\x00\xff\xfe", b"a;b\n", b"PK\x03\x04", b"{" * 5_000])
@pytest.mark.parametrize("name", ["x.csv", "x.ndjson", "x.parquet", "x.csv.gz", "x.xes", "x.zip"])
def test_what_cannot_be_read_is_said_and_breaks_nothing(site: Site, name: str, content: bytes) -> None:
    answer = send(site, f"/sources/import/upload?name={name}", content=content)
    assert answer.status_code == (400 if name == "x.zip" else 201)
    if answer.status_code == 201:
        page = site.get(answer.json()["href"])
        assert page.status_code == 200 and ('role="alert"' in page.text or "Import the whole file" in page.text)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "ariane.toml", "", ".hidden.csv", "x.exe", "/etc/hosts.csv", "a\x00.csv"]
)
def test_nothing_but_the_inbox_is_opened(site: Site, name: str, tmp_path: Path) -> None:
    for path in ("/sources/import", "/sources/import/progress"):
        asked = site.client.get(path, params={"file": name or "x"})
        assert asked.status_code == 404
    for path in ("run", "mapping", "remove"):
        sent = site.client.post(
            f"/sources/import/{path}", params={"file": name or "x"}, headers={"origin": site.address}
        )
        assert sent.status_code == 404, path
    sent = site.client.post(
        "/sources/import/upload", params={"name": name}, content=b"a,b\n", headers={"origin": site.address}
    )
    assert sent.status_code in (201, 400)
    assert (site.path / "ariane.toml").read_text().startswith("# Ariane workspace")
    (site.path / "inbox" / "link.csv").unlink(missing_ok=True)
    (site.path / "inbox" / "link.csv").symlink_to("/etc/passwd")
    assert site.client.get("/sources/import", params={"file": "link.csv"}).status_code == 404


def test_only_the_console_sends(site: Site) -> None:
    for path in (
        "upload?name=y.csv",
        "run?file=caisse.csv",
        "remove?file=caisse.csv",
        "stop",
        "mapping?file=caisse.csv",
    ):
        assert (
            site.client.post(f"/sources/import/{path}", headers={"origin": "http://elsewhere.example"}).status_code
            == 403
        )


def test_a_file_is_removed_with_its_draft(site: Site) -> None:
    where = bring(site, "gone.csv", TILL.encode())
    send(site, where.replace("/import?", "/import/mapping?") + "&propose=1", data={})
    assert inbox.draft_of(site.path, "gone.csv").exists()
    assert send(site, where.replace("/import?", "/import/remove?")).status_code == 303
    assert site.get(where).status_code == 404 and not inbox.draft_of(site.path, "gone.csv").exists()


def test_an_import_cut_short_goes_on_where_it_was(tmp_path: Path) -> None:
    shop = make(tmp_path / "shop", lambda _stores: None, "Shop")
    (shop / "inbox").mkdir()
    rows = "".join(f"2026-03-01T10:00:00Z,u{n}\n" for n in range(60_000))
    file = shop / "inbox" / "long.csv"
    file.write_text("date,user_id\n" + rows)
    stores = Stores(shop)
    with inbox.head(file) as head:
        mapping = propose_mapping(head)
    loading = Loading(lambda: stores)
    loading.start("csv", file, mapping)
    until = time.monotonic() + 90
    while (job := loading.job("long.csv")) is not None and job.share < 0.4 and time.monotonic() < until:
        time.sleep(0.005)
    with pytest.raises(Conflict):
        loading.start("csv", file, mapping)
    loading.stop()
    job = loading.job("long.csv")
    assert job is not None and job.state == "stopped" and 0 < job.share < 1
    again = Loading(lambda: stores)  # the console was started anew
    held = again.job("long.csv")
    assert held is not None and held.state == "stopped"
    again.start("csv", file, mapping)
    while (job := again.job("long.csv")) is not None and job.state == "running" and time.monotonic() < until + 30:
        time.sleep(0.02)
    assert job is not None and job.state == "done" and job.report is not None
    assert job.report.n_events == 60_001 and 0 < job.report.resumed_from < 60_001
    processes.catch_up(stores)
    assert stores.lake.n_rows("events") == 60_001
    stores.close()
