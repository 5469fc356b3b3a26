"""The other known data sets: their sources' figures, whom they name, and what small files of their shape become."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import UTC, datetime
from io import BytesIO
from itertools import islice
from pathlib import Path
from zipfile import ZipFile

import pyarrow.parquet as pq
import pytest

from ariane import identity
from ariane.errors import InputError, NotFound
from ariane.ingest.importers import IMPORTERS, dry_run, importer, template
from ariane.journeys import load_journey
from ariane.model import PURPOSES, Event
from tests.ingest.importing import imported

FOLDERS = {
    "elasticoffee": "elasticoffee_iot",
    "fitbit": "fitbit_daily",
    "comcast": "comcast_complaints",
    "decentraland": "decentraland_parcels",
    "access-log": "apache_access_log",
    "bank-marketing": "bank_marketing",
    "google-store": "google_merchandise_store",
    "online-retail": "online_retail",
}


def persons(events: list[Event]) -> set[str]:
    """Whose the events are; those that name nobody left out."""
    return {str(found[0]) for event in events if (found := identity.identify(event))}


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


# ── counts of their sources ───────────────────────────────────────────────────────────────────────────────────────────


def test_coffee_is_nobodys(shared_data: Path, tmp_path: Path) -> None:
    report, events = imported("elasticoffee", shared_data / FOLDERS["elasticoffee"], tmp_path)
    figures = report.figures
    assert report.n_rows == 1_368 and len({event.event_id for event in events}) == 1_369 and figures["machines"] == 4
    assert figures["latte"] == 322 and persons(events) == set()
    assert {event.name for event in events[1:]} == {"Product Used"} and {e.channel for e in events[1:]} == {"object"}
    assert min(event.occurred_us for event in events) == at("2018-02-27T22:26:39")


def test_health_data_are_for_research_alone(shared_data: Path, tmp_path: Path) -> None:
    report, events = imported("fitbit", shared_data / FOLDERS["fitbit"], tmp_path)
    names = Counter(event.name for event in events)
    assert report.n_rows == names["Object Reported"] == 940 and report.basis == "research"
    assert len(persons(events)) == names["Segment Consent Preference Updated"] == 33
    assert events[0].name == "Import Started" and events[0].properties["purpose"] == "research"
    seen: set[str | None] = set()
    for event in events[1:]:
        if event.user_id not in seen:  # the answer comes before the first day
            preferences = event.context["consent"]["categoryPreferences"]
            assert {purpose for purpose in PURPOSES if preferences[purpose]} == {"research", "service"}
            seen.add(event.user_id)
    assert min(event.occurred_us for event in events) == at("2016-04-12T00:00:00")
    assert max(event.occurred_us for event in events) == at("2016-05-12T23:59:59")


def test_each_complaint_has_its_channel_and_day(shared_data: Path, tmp_path: Path) -> None:
    report, events = imported("comcast", shared_data / FOLDERS["comcast"], tmp_path)
    complaints = events[1:]
    assert report.n_rows == len(complaints) == len(persons(complaints)) == 2_224
    assert Counter(event.channel for event in complaints) == {"call_centre": 1_119, "web": 1_105}
    outcomes = Counter(event.properties["outcome"] for event in complaints)
    assert outcomes == {"solved": 973, "closed": 734, "open": 363, "pending": 154}
    first = next(event for event in complaints if event.properties["ticket_id"] == "250635")
    assert first.occurred_us == at("2015-04-22T19:53:50")  # 03:53:50 PM in Washington
    assert {datetime.fromtimestamp(event.occurred_us / 1e6, UTC).year for event in complaints} <= {2015, 2016}


def test_land_sold_has_a_price_and_no_buyer(shared_data: Path, tmp_path: Path) -> None:
    report, events = imported("decentraland", shared_data / FOLDERS["decentraland"], tmp_path)
    assert report.n_rows == 6_107 and len(events) == 6_105 + 1 and report.n_duplicates == 2
    assert persons(events) == set() and report.figures["parcels"] == 3_284
    prices = sorted(event.properties["revenue"] for event in events[1:])
    assert 300 < prices[len(prices) // 2] < 600


def test_a_server_log_gives_visits_and_no_address(shared_data: Path, tmp_path: Path) -> None:
    report, events = imported("access-log", shared_data / FOLDERS["access-log"], tmp_path)
    figures = report.figures
    assert report.n_rows == 10_000 and report.bad_rows == ()
    assert (figures["addresses"], figures["browsers"]) == (1_753, 558)
    assert (figures["status 304"], figures["status 404"]) == (445, 213)
    assert figures["status 200"] == 9_125 + 1  # one line is cut off within its last field
    assert len(events) == report.n_events and sum(report.n_skipped.values()) + report.n_duplicates == 10_001 - len(
        events
    )
    assert len(persons(events)) == figures["visitors, a day each"]
    assert {event.type for event in events} == {"page", "track"}
    assert 0 < sum(event.is_bot for event in events) == figures["events of machines"] < len(events)
    assert any(event.is_bot and "bot" not in str(event.context["userAgent"]).lower() for event in events[1:])
    with gzip.open(shared_data / FOLDERS["access-log"] / "apache_logs.gz", "rt", errors="replace") as log:
        addresses = {line.split(" ", 1)[0] for line in log}
    written = b"".join(file.read_bytes() for file in (tmp_path / "log").rglob("*.log")).decode()
    assert not any(f'"{address}"' in written for address in addresses)


def test_calls_to_sell_are_dated_by_their_order(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / FOLDERS["bank-marketing"]
    whole = dry_run("bank-marketing", folder)
    assert whole.n_rows == whole.figures["clients called"] == 41_188 and whole.basis == "marketing"
    assert whole.n_skipped == {} and whole.figures["said yes"] == 4_640
    assert (whole.figures["cellular"], whole.figures["telephone"]) == (26_144, 15_044)
    with ZipFile(folder / "bank_marketing.zip") as archive:
        member = next(name for name in archive.namelist() if name.endswith("/bank-additional-full.csv"))
        with archive.open(member) as lines:
            (tmp_path / "bank-additional-full.csv").write_bytes(b"".join(islice(lines, 10_001)))
    _, events = imported("bank-marketing", tmp_path, tmp_path / "out")
    offers = [event for event in events if event.name == "Offer Received"]
    assert len({event.anonymous_id for event in offers}) == len(offers) == 10_000
    assert [event.occurred_us for event in offers] == sorted(event.occurred_us for event in offers)
    days = Counter(datetime.fromtimestamp(event.occurred_us // 1_000_000 + 3_600, UTC).date() for event in offers)
    # The bank's older file, which has the day, begins with 5, 6, 7, 8, 9 and 12 May, and nobody called on 22 May.
    assert [day.isoformat()[5:] for day in sorted(days)[:6]] == ["05-05", "05-06", "05-07", "05-08", "05-09", "05-12"]
    assert "2008-05-22" not in {str(day) for day in days} and "2008-05-23" in {str(day) for day in days}
    assert all("talk_s" not in event.properties for event in offers)


def test_an_invoice_is_one_order(shared_data: Path, tmp_path: Path) -> None:
    whole = pq.ParquetFile(shared_data / FOLDERS["online-retail"] / "online_retail.parquet")
    assert whole.metadata.num_rows == 541_909
    pq.write_table(whole.read_row_group(0).slice(0, 30_000), tmp_path / "online_retail.parquet")
    report, events = imported("online-retail", tmp_path, tmp_path / "out")
    orders = {event.properties["order_id"]: event for event in events[1:]}
    assert len(orders) == len(events) - 1 and report.n_rows == 30_000
    first = orders["536365"]
    assert first.name == "Order Completed" and first.user_id == "17850" and len(first.properties["products"]) == 7
    assert first.properties["revenue"] == 139.12 and first.properties["currency"] == "GBP"
    assert first.occurred_us == at("2010-12-01T08:26:00")
    back = orders["C536379"]
    assert back.name == "Order Refunded" and back.properties["revenue"] == 27.5 and back.user_id == "14527"
    assert "536414" not in orders and report.n_skipped["stock counted, broken or lost"] > 0


def test_mangled_visitors_are_refused_and_the_report_says_why(shared_data: Path, tmp_path: Path) -> None:
    small = BytesIO()
    with ZipFile(shared_data / FOLDERS["google-store"] / "ecommerce_dataset.zip") as whole, ZipFile(small, "w") as part:
        for name in ("analytics.csv", "all_sessions.csv"):
            with whole.open(f"ecommerce dataset/{name}") as lines:
                part.writestr(f"ecommerce dataset/{name}", b"".join(islice(lines, 30_001)))
    (tmp_path / "ecommerce_dataset.zip").write_bytes(small.getvalue())
    report, events = imported("google-store", tmp_path, tmp_path / "out")
    figures = report.figures
    assert report.n_rows == 30_000 + 15_134 and figures["hits"] == 15_134
    refused = next(text for text in report.warnings if "full_visitor_id" in text)
    assert "E+18" in refused or "E+1" in refused
    assert "none was taken as identity" in refused
    assert not any("E+" in name for name in persons(events)) and not any(event.user_id for event in events)
    visits = [event for event in events if event.name == "Site Visited"]
    assert len({event.anonymous_id for event in visits}) == len(visits) == figures["visits told apart"]
    assert figures["visitor ids refused"] < figures["visits"] <= figures["visits told apart"]
    orders = [event for event in events if event.name == "Order Completed"]
    assert len({event.anonymous_id for event in orders}) == len(orders) > 0


# ── small files of their shape ────────────────────────────────────────────────────────────────────────────────────────

FIREFOX = '"Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"'
OWN = f'"https://shop.example/shop/" {FIREFOX}'
SEARCHED = f'"https://search.example/?q=lamp" {FIREFOX}'
LETTER = "utm_source=letter&utm_campaign=spring&email=ana@example.org"
LOG = f"""\
203.0.113.9 - - [01/Mar/2026:23:59:58 +0100] "GET /shop/?{LETTER} HTTP/1.1" 200 512 {SEARCHED}
203.0.113.9 - - [01/Mar/2026:23:59:59 +0100] "GET /style.css HTTP/1.1" 200 51 {OWN}
203.0.113.9 - - [02/Mar/2026:00:00:01 +0100] "GET /shop/lamp HTTP/1.1" 304 - {OWN}
203.0.113.9 - - [02/Mar/2026:00:00:01 +0100] "GET /shop/lamp HTTP/1.1" 304 - {OWN}
203.0.113.9 - - [03/Mar/2026:10:00:00 +0100] "POST /shop/pay HTTP/1.1" 302 0 "-" {FIREFOX} "extra"
198.51.100.4 - frank [03/Mar/2026:10:00:00 +0000] "GET /account HTTP/1.0" 500 12
198.51.100.7 - - [03/Mar/2026:10:00:00 +0000] "GET /robots.txt HTTP/1.1" 200 12 "-" "Reader/1.0 \\"quoted\\""
198.51.100.7 - - [03/Mar/2026:10:00:05 +0000] "GET /shop/ HTTP/1.1" 200 12 "-" "Reader/1.0 \\"quoted\\""
198.51.100.8 - - [03/Mar/2026:10:00:05 +0000] "\\x16\\x03\\x01" 400 0 "-" "-"
no log line
"""


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_requests_become_pages_errors_and_forms(tmp_path: Path, pack: object) -> None:
    file = tmp_path / "access.log"
    file.write_bytes(pack(LOG.encode()))  # type: ignore[operator]
    report, events = imported("access-log", tmp_path, tmp_path / "out")
    shop, lamp, form, error, read = events[1:]
    assert (shop.type, shop.name, lamp.name, form.name, error.name) == (
        "page", "/shop/", "/shop/lamp", "Form Submitted", "Error Shown",
    )  # fmt: skip
    assert shop.occurred_us == at("2026-03-01T22:59:58") and shop.properties == {"path": "/shop/"}
    assert shop.context["campaign"] == {"source": "letter", "name": "spring"}
    assert shop.context["page"]["referrer"] == "https://search.example/" and "page" not in lamp.context
    assert shop.anonymous_id == lamp.anonymous_id != form.anonymous_id  # the day changed, in UTC
    assert error.user_id == "frank" and error.properties == {"path": "/account", "code": "500"}
    assert [event.is_bot for event in events[1:]] == [False, False, False, True, True] and read.name == "/shop/"
    assert report.n_duplicates == 1 and report.n_skipped["bad row"] == 1 and report.bad_rows[0].line == 10
    written = b"".join(found.read_bytes() for found in (tmp_path / "out/log").rglob("*.log"))
    assert b"203.0.113.9" not in written and b"ana@example.org" not in written


def test_a_visitor_has_another_name_in_another_workspace(tmp_path: Path) -> None:
    (tmp_path / "access.log").write_text(LOG)
    here, there = (imported("access-log", tmp_path, tmp_path / name)[1] for name in ("here", "there"))
    assert {event.anonymous_id for event in here[1:]}.isdisjoint({event.anonymous_id for event in there[1:]})
    again = dry_run("access-log", tmp_path / "access.log")
    assert again.n_events == len(here) - 1


def test_scattered_rows_of_an_invoice_are_put_together(tmp_path: Path) -> None:
    rows = [
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country",
        "1,A,LAMP,2,12/1/2010 8:26,2.555,17850,France",
        "2,B,,1,12/1/2010 8:26,1,,France",
        "1,C,POSTAGE,1,12/1/2010 8:26,0.001,17850,France",
        "3,D,lost,-5,12/1/2010 8:27,0,,France",
        "A4,B,Adjust bad debt,1,12/1/2010 8:27,11062.06,,France",
        "C5,A,LAMP,-1,7/1/2011 9:00,2.555,17850,France",
        "6,A,LAMP,many,7/1/2011 9:00,2.555,17850,France",
    ]
    (tmp_path / "data.csv").write_bytes("\n".join(rows).encode("cp1252"))
    report, events = imported("online_retail", tmp_path, tmp_path / "out")
    first, second, back = events[1:]
    assert first.properties["revenue"] == 5.11 and len(first.properties["products"]) == 2
    assert second.user_id is None and second.anonymous_id == "order-2"
    assert back.name == "Order Refunded" and back.properties["revenue"] == 2.56 and back.user_id == "17850"
    assert back.occurred_us == at("2011-07-01T08:00:00")  # London's summer
    assert report.n_skipped == {"adjustment of bad debts": 1, "bad row": 1, "stock counted, broken or lost": 1}
    assert report.source == "import_online_retail" and report.figures["persons"] == 1


def test_an_unordered_list_of_calls_is_refused_row_by_row(tmp_path: Path) -> None:
    columns = (
        "age;job;marital;education;default;housing;loan;contact;month;day_of_week;duration;campaign;pdays;previous"
    )
    columns += ";poutcome;emp.var.rate;cons.price.idx;cons.conf.idx;euribor3m;nr.employed;y"
    rows = [f"30;nurse;single;unknown;no;no;no;cellular;may;{day};60;1;999;0;nonexistent;1;2;3;4;5;no" for day in "ab"]
    days = ["fri", "thu", "wed", "tue", "mon", "fri", "tue", "mon", "fri", "thu", "wed", "tue"]
    rows = [row.replace(";a;", f";{day};").replace(";b;", f";{day};") for day in days for row in rows[:1]]
    (tmp_path / "bank-additional.csv").write_text("\n".join([columns, *rows]))
    report, events = imported("bank-marketing", tmp_path, tmp_path / "out")
    assert report.n_skipped == {"bad row": 5} and "not in the order" in report.bad_rows[0].problem
    assert [event.name for event in events[1:4]] == ["", "Offer Received", "Call Ended"]
    assert events[1].properties == {
        "age": 30, "job": "nurse", "marital": "single", "default": "no", "housing": "no", "loan": "no",
    }  # fmt: skip


def test_dates_that_disagree_are_bad_rows(tmp_path: Path) -> None:
    header = (
        "Ticket #,Customer Complaint,Date,Date_month_year,Time,Received Via,City,State,Zip code,Status,"
        "Filing on Behalf of Someone"
    )
    rows = [
        '1,"Slow, always",04-06-2015,04-Jun-15,12:05:00 AM,Internet,Rome,Georgia,30161,Open,Yes',
        "2,Slow,04-06-2015,06-Apr-15,12:05:00 AM,Internet,Rome,Georgia,30161,Open,No",
    ]
    (tmp_path / "comcast.csv").write_text("\n".join([header, *rows]), encoding="utf-8-sig")
    report, events = imported("comcast", tmp_path, tmp_path / "out")
    assert report.n_skipped == {"bad row": 1} and "not the same day" in report.bad_rows[0].problem
    assert events[1].occurred_us == at("2015-06-04T04:05:00") and events[1].properties["on_behalf_of_another"]


# ── all of them ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["elasticoffee", "fitbit", "comcast", "decentraland", "access-log"])
def test_again_adds_nothing(kind: str, shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / FOLDERS[kind]
    first, events = imported(kind, folder, tmp_path)
    file = next(path for path in folder.iterdir() if path.suffix in (".gz", ".csv"))
    again, after = imported(FOLDERS[kind], file, tmp_path)  # by its other name, and the file itself
    assert again.already and again.n_added == 0 and len(after) == len(events) == first.n_events


@pytest.mark.parametrize("kind", sorted(FOLDERS))
def test_a_folder_with_nothing_in_it_is_answered_with_what_was_looked_for(kind: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"Allowed: .*packed"):
        dry_run(kind, tmp_path)


@pytest.mark.parametrize("kind", sorted(FOLDERS))
def test_another_table_is_refused_by_its_columns(kind: str, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a;b\n1;2\n")
    if kind in ("access-log", "elasticoffee"):
        assert dry_run(kind, tmp_path / "other.csv").n_events == 0
    else:
        with pytest.raises(InputError, match="is missing"):
            dry_run(kind, tmp_path / "other.csv")


@pytest.mark.parametrize("kind", [kind for kind, found in IMPORTERS.items() if found.journey])
def test_its_journey_file_reads(kind: str, tmp_path: Path) -> None:
    text = template(kind)
    assert text is not None
    (tmp_path / "journey.toml").write_text(text)
    assert load_journey(tmp_path / "journey.toml").goal_index() >= 0


def test_every_kind_answers_to_the_name_of_its_data_set() -> None:
    folders = FOLDERS | {"starbucks": "starbucks_offers", "olist": "olist_sample", "call-centre": "call_centre_feb1999"}
    assert {kind: importer(name).kind for kind, name in folders.items()} == {kind: kind for kind in folders}


def test_a_number_a_spreadsheet_shortened_names_nobody_in_any_table(tmp_path: Path) -> None:
    rows = [{"at": "2026-01-01", "who": f"9.4{n % 2}E+18", "card": "4.1E+15"} for n in range(4)]
    (tmp_path / "t.ndjson").write_text("\n".join(json.dumps(row | {"n": n}) for n, row in enumerate(rows)))
    from ariane.ingest.mapping import parse_mapping

    text = 'user_id = "who"\nidentifiers = { loyalty_card = "card" }\n'
    mapping = parse_mapping(text + '[[events]]\nname = "Seen"\ntimestamp = { column = "at" }')
    report = dry_run("ndjson", tmp_path / "t.ndjson", mapping=mapping)
    assert report.n_events == 4 and persons(list(report.samples)) == set()
    assert [text.split(":")[0] for text in report.warnings] == ["who", "card"] and "4 rows" in report.warnings[0]
    sent = Event(
        event_id="e", message_id="m", source="web", type="track", name="Seen", channel="web", occurred_us=0,
        received_us=0, user_id="9.44E+18",
    )  # fmt: skip
    assert identity.identify(sent) == ()  # by whichever door it comes in
