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
from ariane.ingest.mapping import Column, Field, When, parse_mapping


def test_a_french_till_export(tmp_path: Path) -> None:
    file = tmp_path / "ventes_lyon.csv"
    file.write_text(
        "order_id;customer_id;email;date;total;qty;code_postal;OptIn\n"
        "A1;c1;a@example.org;01/07/2026 09:30;12,50;1;06000;true\nA2;c2;;28/07/2026 10:00;1 100,00;2;69001;false\n"
    )
    mapping = propose_mapping(file)
    rule = mapping.events[0]
    assert rule.timestamp == When("date", "%d/%m/%Y %H:%M") and rule.name == "Ventes Lyon"
    assert mapping.user_id == "customer_id" and mapping.message_id == ("order_id",)
    assert mapping.identifiers == {"email": "email"} and mapping.decimal_comma
    assert rule.properties == {
        "order_id": "order_id",
        "total": Field("total", type="number"),
        "qty": Field("qty", type="integer"),
        "code_postal": "code_postal",
        "opt_in": Field("OptIn", type="boolean"),
    }
    report = dry_run("csv", file, mapping=parse_mapping(mapping_text(mapping)))
    assert report.n_events == 2 and report.samples[1].properties["total"] == 1100.0


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
