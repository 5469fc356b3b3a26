"""Tables with a mapping: what a row becomes, what is left out, and what hostile or broken files do."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ariane import identity
from ariane.errors import InputError, NotFound
from ariane.ingest import read
from ariane.ingest.importers import ImportReport, Mapping, dry_run, read_mapping, run_import
from ariane.model import Event
from ariane.store import SegmentLog

ORDERS = """\
order_no;member;mail;bought_at;delivered_at;total;shop;state
A-1;m1;Ana@Example.org;01/07/2026 09:30;03/07/2026 18:00;1 234,50;Lyon;ok
A-2;m2;;01/07/2026 10:00;;20,00;Paris;ok
A-3;m3;;01/07/2026 11:00;;99,00;Paris;test
A-3b;m3;;01/07/2026 11:00;;-3,00;Paris;ok
"""
MAPPING = """
delimiter = ";"
decimal_comma = true
channel = "store"
user_id = "member"
message_id = ["order_no"]
[identifiers]
email = "mail"
[context]
"campaign.name" = "shop"
[[skip]]
column = "state"
equals = ["test"]
reason = "test order"
[[skip]]
column = "total"
below = 0
[[events]]
name = "Order Completed"
timestamp = { column = "bought_at", format = "%d/%m/%Y %H:%M", timezone = "Europe/Paris" }
[events.properties]
order_id = "order_no"
revenue = { column = "total", type = "number" }
currency = { value = "EUR" }
store = "shop"
[[events]]
name = "Delivery Made"
optional = true
timestamp = { column = "delivered_at", format = "%d/%m/%Y %H:%M", timezone = "Europe/Paris" }
[events.properties]
order_id = "order_no"
"""
PLAIN = """
user_id = "who"
[[events]]
name = "Product Viewed"
timestamp = { column = "at" }
properties = { what = "what" }
"""


def mapped(folder: Path, text: str = PLAIN) -> Mapping:
    (folder / "mapping.toml").write_text(text)
    return read_mapping(folder / "mapping.toml")


def imported(file: Path, mapping: Mapping, kind: str = "csv") -> tuple[ImportReport, list[Event]]:
    folder = file.parent / "workspace"
    log = SegmentLog(folder / "log")
    with log.writer("import") as writer:
        report = run_import(kind, file, writer=writer, resume_dir=folder / "imports", mapping=mapping)
    return report, [read(record.payload) for record in log.read("import", 0, 50_000_000).records][1:]


# ── what a row becomes ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_row_becomes_the_events_its_mapping_says(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(ORDERS)
    report, events = imported(file, mapped(tmp_path, MAPPING))
    assert [(event.name, event.message_id) for event in events] == [
        ("Order Completed", "Order Completed:A-1"), ("Delivery Made", "Delivery Made:A-1/1"),
        ("Order Completed", "Order Completed:A-2"),
    ]  # fmt: skip
    first = events[0]
    assert first.properties == {"order_id": "A-1", "revenue": 1234.5, "currency": "EUR", "store": "Lyon"}
    assert first.occurred_us == int(datetime.fromisoformat("2026-07-01T07:30:00+00:00").timestamp()) * 1_000_000
    assert first.channel == "store" and first.context["campaign"] == {"name": "Lyon"}
    assert [str(found) for found in identity.identify(first)] == ["user_id:m1", "email:ana@example.org"]
    assert report.n_skipped == {"rule on total": 1, "test order": 1} and report.source == "import_csv"


def test_the_basis_of_the_rows_leads_them(tmp_path: Path) -> None:
    file = tmp_path / "views.ndjson"
    file.write_text('{"at": "2020-05-01", "who": "p", "what": 1}')
    log = SegmentLog(tmp_path / "log")
    with log.writer("import") as writer:
        mapping = mapped(tmp_path, 'basis = "research"\nsource = "museum"\n' + PLAIN)
        run_import("ndjson", file, writer=writer, resume_dir=tmp_path / "imports", mapping=mapping)
    header, event = (read(record.payload) for record in log.read("import", 0).records)
    assert header.name == "Import Started" and header.properties["purpose"] == "research"
    assert header.occurred_us == event.occurred_us and header.source == event.source == "museum"
    assert header.properties["name"] == "views.ndjson" and identity.identify(header) == ()


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress, bz2.compress])
def test_packed_files_are_told_by_their_content(tmp_path: Path, pack: Any) -> None:
    file = tmp_path / "views.csv"
    whole = b"\xef\xbb\xbfat,who,what\r\n" + b"2026-01-01,p,x\r\n" + b'2026-01-02,p,"two\r\nlines"\r\n'
    half = len(whole) // 2
    file.write_bytes(
        pack(whole) if pack is bytes else pack(whole[:half]) + pack(whole[half:])
    )  # two streams in one file
    report, events = imported(file, mapped(tmp_path))
    assert [event.properties["what"] for event in events] == ["x", "two\nlines"] and report.n_rows == 2


def test_ndjson_reaches_into_objects_and_parquet_keeps_its_types(tmp_path: Path) -> None:
    mapping = mapped(tmp_path, PLAIN.replace('what = "what"', 'what = "value.offer id", n = "n", late = "late"'))
    lines = tmp_path / "views.ndjson"
    lines.write_text(
        '\n{"at": "2026-01-01T00:00:00+02:00", "who": 7, "value": {"offer id": "o"}, "n": 2, "late": true}\n\n'
    )
    report, (event,) = imported(lines, mapping, "ndjson")
    assert event.properties == {"what": "o", "n": 2, "late": True} and event.user_id == "7"
    assert report.n_skipped == {"blank line": 2}
    columns = {
        "at": pa.array([datetime(2026, 1, 1), datetime(2026, 1, 2)], pa.timestamp("us")),
        "who": ["a", "b"],
        "n": pa.array([1, None]),
        "late": [True, False],
        "value": [{"offer id": "x"}, None],
    }
    pq.write_table(pa.table(columns), tmp_path / "views.parquet")
    (tmp_path / "workspace").rename(tmp_path / "before")
    _, rows = imported(tmp_path / "views.parquet", mapping, "parquet")
    assert [event.properties for event in rows] == [{"what": "x", "n": 1, "late": True}, {"late": False}]


def test_the_same_row_twice_is_one_event_unless_repeats_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "views.csv"
    file.write_text("at,who,what\n" + "2026-01-01,p,x\n" * 3)
    once = dry_run("csv", file, mapping=mapped(tmp_path))
    kept = dry_run("csv", file, mapping=mapped(tmp_path, "keep_duplicates = true\n" + PLAIN))
    assert (once.n_events, once.n_duplicates) == (1, 2)
    assert (kept.n_events, kept.n_duplicates) == (3, 0)
    assert len({sample.message_id for sample in kept.samples}) == 3


# ── what is wrong with a row ──────────────────────────────────────────────────────────────────────────────────────────


def test_bad_rows_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "views.csv"
    file.write_bytes(
        b"at,who,what\n2026-01-01,p,fine\nyesterday,p,x\n2026-01-01,p\n2026-01-01,caf\xe9,x\n,p,x\n"
        b'2026-01-02,p,"fine too"\n\n2026-01-01,p,'
        + b"x" * 200_000
        + b"\n"
        + b"y" * 1_100_000
        + b"\n2026-01-03,p,last\n"
    )
    report, events = imported(file, mapped(tmp_path))
    assert [event.properties["what"] for event in events] == ["fine", "fine too", "last"]
    assert report.n_skipped == {"bad row": 6, "blank line": 1}
    said = [(bad.line, bad.field, bad.problem) for bad in report.bad_rows]
    assert said == [
        (3, "at", "'yesterday' is not an instant (iso)"),
        (4, "", "2 fields where the header has 3"),
        (5, "", "the text is in another encoding"),
        (6, "at", "empty, and it gives the time"),
        (9, "", "field larger than field limit (131072)"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[1]",
        b"nonsense",
        b"\xff\xfe\xfd",
        b'{"at": "2026-01-01", "who": "\xff"}',
        b'{"at": "0001-01-01T00:00:00+14:00", "who": "p"}',
        b'{"at": 1e400, "who": "p"}',
        b'{"at": {"deep": 1}, "who": "p"}',
        b'{"who": "p"}',
        b'{"at": "\\ud800", "who": "p"}',
        b"[" * 50_000,
    ],
)
def test_a_hostile_line_is_a_bad_row(tmp_path: Path, line: bytes) -> None:
    file = tmp_path / "views.ndjson"
    file.write_bytes(b'{"at": "2026-01-01", "who": "p", "what": 1}\n' + line + b'\n{"at": "2026-01-01", "who": "q"}\n')
    report = dry_run("ndjson", file, mapping=mapped(tmp_path))
    assert report.n_events == 2 and report.n_skipped == {"bad row": 1} and report.bad_rows[0].line == 2


def test_a_long_message_id_is_shortened_the_same_way_each_time(tmp_path: Path) -> None:
    file = tmp_path / "views.csv"
    file.write_text("at,who,what\n2026-01-01,p," + "x" * 5_000)
    report = dry_run("csv", file, mapping=mapped(tmp_path, 'message_id = ["what"]\n' + PLAIN))
    assert len(report.samples[0].message_id) == len("Product Viewed:") + 24


# ── what is wrong with a file ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "does not begin with a header"),
        (b"a,a\n", "names column 'a' twice"),
        ("at,who\n".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04rest", "zip archive"),
        (gzip.compress(b"at,who,what\n" * 90_000)[:-900], "damaged or cut short"),
        (lzma.compress(b"at,who,what\n" * 9_000)[:-40], "damaged or cut short"),
        (b"when,who,what\n", "no column 'at'"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, content: bytes, problem: str) -> None:
    file = tmp_path / "views.csv"
    file.write_bytes(content)
    with pytest.raises(InputError, match=problem):
        dry_run("csv", file, mapping=mapped(tmp_path))


def test_a_column_the_file_lacks_is_answered_with_the_near_one(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(ORDERS.replace("bought_at", "bougth_at"))
    with pytest.raises(InputError, match=r"events\[0\]\.timestamp\.column: .*'bought_at': did you mean 'bougth_at'"):
        dry_run("csv", file, mapping=mapped(tmp_path, MAPPING))


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    file = tmp_path / "views.csv"
    with gzip.open(file, "wb") as packed:
        packed.write(b"at,who,what\n")
        for _ in range(40):
            packed.write(b"\0" * 900_000 + b"\n")
    with pytest.raises(InputError, match="more than 500 times its size"):
        dry_run("csv", file, mapping=mapped(tmp_path))


def test_only_plain_files_are_opened(tmp_path: Path) -> None:
    mapping = mapped(tmp_path)
    with pytest.raises(InputError, match="not a plain file"):
        dry_run("csv", tmp_path, mapping=mapping)
    with pytest.raises(InputError, match="not a plain file"):
        dry_run("csv", Path("/dev/zero"), mapping=mapping)
    with pytest.raises(NotFound):
        dry_run("csv", tmp_path / "absent.csv", mapping=mapping)
    with pytest.raises(NotFound):
        dry_run("csv", "nul\0byte.csv", mapping=mapping)


def test_a_json_array_and_a_false_parquet_are_refused(tmp_path: Path) -> None:
    (tmp_path / "views.json").write_text(json.dumps([{"at": 1}]))
    with pytest.raises(InputError, match="jq -c"):
        dry_run("ndjson", tmp_path / "views.json", mapping=mapped(tmp_path))
    (tmp_path / "views.parquet").write_bytes(b"PAR1 not really PAR1")
    with pytest.raises(InputError, match="not Parquet"):
        dry_run("parquet", tmp_path / "views.parquet", mapping=mapped(tmp_path))


def test_the_kind_decides_the_format_and_a_mapping_for_another_is_refused(tmp_path: Path) -> None:
    (tmp_path / "views.log").write_text('{"at": "2026-01-01", "who": "p"}')
    assert dry_run("ndjson", tmp_path / "views.log", mapping=mapped(tmp_path)).n_events == 1
    with pytest.raises(InputError, match=r"for csv, not ndjson"):
        dry_run("ndjson", tmp_path / "views.log", mapping=mapped(tmp_path, 'format = "csv"\n' + PLAIN))


def test_a_table_without_a_mapping_is_refused(tmp_path: Path) -> None:
    (tmp_path / "views.csv").write_text("a\n1")
    with pytest.raises(InputError, match="needs a mapping"):
        dry_run("csv", tmp_path / "views.csv")
