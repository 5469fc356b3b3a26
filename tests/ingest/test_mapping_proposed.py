"""A mapping proposed from the first rows: the guess must read, and must import the file it was made from."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ariane.errors import InputError
from ariane.ingest.importers import dry_run, mapping_text, propose_mapping
from ariane.ingest.mapping import Column, Field, Mapping, When, parse_mapping


def test_a_french_till_export(tmp_path: Path) -> None:
    file = tmp_path / "ventes_lyon.csv"
    file.write_text(
        "order_id;customer_id;email;date;total;qty;code_postal;OptIn\n"
        "A1;c1;a@example.org;01/07/2026 09:30;12,50;1;06000;true\nA2;c2;;28/07/2026 10:00;1 100,00;2;69001;false\n"
    )
    mapping = propose_mapping(file)
    rule = mapping.events[0]
    assert rule.timestamp == When("date", "%d/%m/%Y %H:%M") and rule.name == "Order Completed"
    assert mapping.user_id == "customer_id" and mapping.message_id == ("order_id",)
    assert mapping.identifiers == {"email": "email"} and mapping.decimal_comma
    assert rule.properties == {
        "order_id": "order_id",
        "revenue": Field("total", type="number"),
        "qty": Field("qty", type="integer"),
        "code_postal": "code_postal",
        "opt_in": Field("OptIn", type="boolean"),
    }
    report = dry_run("csv", file, mapping=parse_mapping(mapping_text(mapping)))
    assert report.n_events == 2 and report.samples[1].properties["revenue"] == 1100.0


def test_an_event_export_with_epochs_and_nested_objects(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    rows = [
        {"event": f"e{n % 2}", "ts": 1_760_000_000_000 + n, "cookie": f"c{n}", "channel": "app", "props": {"n": n}}
        for n in range(20)
    ]
    file.write_text("\n".join(map(json.dumps, rows)))
    mapping = propose_mapping(file)
    assert mapping.events[0].timestamp == When("ts", "epoch_ms")
    assert mapping.events[0].name == Column("event") and mapping.channel == Column("channel")
    assert mapping.anonymous_id == "cookie" and mapping.events[0].properties == {"props_n": "props.n"}
    report = dry_run("ndjson", file, mapping=mapping)
    assert report.n_events == 20 and report.samples[0].occurred_us == 1_760_000_000_000_000


def test_parquet_and_american_dates(tmp_path: Path) -> None:
    at = pa.array([datetime(2026, 1, 1), datetime(2026, 1, 2)], pa.timestamp("us"))
    pq.write_table(pa.table({"id": [1, 2], "seen": at, "person_id": ["a", "b"]}), tmp_path / "t.parquet")
    mapping = propose_mapping(tmp_path / "t.parquet")
    assert mapping.events[0].timestamp == When("seen") and mapping.message_id == ("id",)
    assert dry_run("parquet", tmp_path / "t.parquet", mapping=mapping).n_events == 2
    (tmp_path / "us.csv").write_text("date,x\n01/02/2026,1\n01/31/2026,2\n")
    assert propose_mapping(tmp_path / "us.csv").events[0].timestamp.format == "%m/%d/%Y"


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "a,b\n"])
def test_a_table_without_instants_or_rows_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError, match=r"No column looks like an instant|no rows"):
        propose_mapping(tmp_path / "t.csv")


def test_the_shared_files_get_a_mapping_that_imports_them(shared_data: Path) -> None:
    orders = shared_data / "olist_sample" / "olist_orders.csv.gz"
    mapping = propose_mapping(orders)
    assert mapping.events[0].timestamp.column == "order_purchase_timestamp" and mapping.user_id == "customer_id"
    assert dry_run("csv", orders, mapping=mapping).n_events == 8_135


def proposed(folder: Path, text: str, name: str = "rows.csv") -> Mapping:
    (folder / name).write_text(text)
    mapping = propose_mapping(folder / name)
    assert parse_mapping(mapping_text(mapping)) == mapping
    return mapping


def test_a_day_and_a_clock_beside_it_are_one_instant(tmp_path: Path) -> None:
    text = "Ticket #,Customer Complaint,Date,Time,Received Via,Zip\n"
    text += "7,Slow since Monday and nobody answers,22-04-2015,03:53:50 PM,Internet,30102\n"
    text += "8,Charged twice for the same month,04-08-2015,10:22:56 AM,Customer Care Call,21009\n"
    mapping = proposed(tmp_path, text)
    rule = mapping.events[0]
    assert rule.timestamp == When("{Date} {Time}", "%d-%m-%Y %I:%M:%S %p")
    assert rule.name == "Complaint Made" and rule.properties["comment"] == "Customer Complaint"
    assert mapping.message_id == ("Ticket #",) and rule.properties["zip"] == "Zip"
    assert isinstance(mapping.channel, Column)
    assert mapping.channel.values == {"Customer Care Call": "call_centre", "Internet": "web"}
    report = dry_run("csv", tmp_path / "rows.csv", mapping=mapping)
    assert [event.channel for event in report.samples] == ["web", "call_centre"]
    assert report.samples[0].occurred_us == 1_429_718_030_000_000


def test_codes_and_long_numbers_stay_texts_and_gaps_are_gaps(tmp_path: Path) -> None:
    text = "day,parcel,amount,dob,friend_email,contact_email\n"
    text += "20240131,115792089237316195423570985008687907829,3,01/02/1990,f@example.org,a@example.org\n"
    text += "20240201,115792089237316195423570985008687907830,NA,03/04/1991,g@example.org,b@example.org\n"
    mapping = proposed(tmp_path, text)
    rule = mapping.events[0]
    assert rule.timestamp == When("day", "%Y%m%d") and rule.properties["parcel"] == "parcel"
    assert rule.properties["amount"] == Field("amount", type="integer") and "NA" in mapping.missing
    assert mapping.identifiers == {"email": "contact_email"}
    assert dry_run("csv", tmp_path / "rows.csv", mapping=mapping).n_events == 2


def test_an_id_that_comes_back_is_a_person_and_one_that_does_not_is_the_row(tmp_path: Path) -> None:
    rows = [f"{n % 5},2026-01-{n % 28 + 1:02d},{n}" for n in range(40)]
    assert proposed(tmp_path, "Id,ActivityDate,steps\n" + "\n".join(rows)).user_id == "Id"
    rows = [f"{n},2026-01-{n % 28 + 1:02d},9.44E+18" for n in range(40)]
    mapping = proposed(tmp_path, "Id,date,full_visitor_id\n" + "\n".join(rows))
    assert (mapping.user_id, mapping.anonymous_id, mapping.message_id) == ("", "", ("Id",))


def test_an_id_that_repeats_later_in_the_file_is_not_trusted(tmp_path: Path) -> None:
    rows = [f"{n % 400},2026-01-01,{n}" for n in range(500)]
    assert proposed(tmp_path, "call_id,date,n\n" + "\n".join(rows)).message_id == ()


def test_the_reading_that_keeps_days_together_is_chosen(tmp_path: Path) -> None:
    text = "date,x\n" + "\n".join(f"0{n}/03/2026,{n}" for n in range(1, 9))
    assert proposed(tmp_path, text).events[0].timestamp.format == "%d/%m/%Y"  # type: ignore[union-attr]
    text = "date,x\n" + "\n".join(f"03/0{n}/2026,{n}" for n in range(1, 9))
    assert proposed(tmp_path, text).events[0].timestamp.format == "%m/%d/%Y"  # type: ignore[union-attr]


def test_real_tables_are_understood(shared_data: Path) -> None:
    calls = propose_mapping(shared_data / "call_centre_feb1999/data_anonymous_bank_february.txt.gz")
    assert calls.events[0].timestamp == When("{date} {vru_entry}", "%y%m%d %H:%M:%S")
    assert calls.user_id == "customer_id" and calls.message_id == ()
    reviews = propose_mapping(shared_data / "fr-insurance-reviews/reviews.csv.gz").events[0]
    assert reviews.name == "Review Posted" and reviews.properties["comment"] == "avis"
    tweets = propose_mapping(shared_data / "en-airline-tweets/tweets.csv.gz")
    assert tweets.events[0].timestamp == When("tweet_created", "%d-%m-%Y %H.%M") and tweets.message_id == ()
    web = propose_mapping(shared_data / "snowplow_web/events.csv")
    assert (web.user_id, web.anonymous_id) == ("user_id", "domain_userid")
    worn = propose_mapping(shared_data / "fitbit_daily/dailyActivity_merged.csv")
    assert worn.user_id == "Id" and worn.events[0].timestamp == When("ActivityDate", "%m/%d/%Y")
    people = shared_data / "linkage/fake_1000.csv"
    with pytest.raises(InputError, match="No column looks like an instant"):  # a birthday is no instant
        propose_mapping(people)
