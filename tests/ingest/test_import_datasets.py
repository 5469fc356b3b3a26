"""The three known data sets: their published figures, and what small made-up files of their shape become."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ariane.errors import InputError, NotFound
from ariane.ingest.importers import IMPORTERS, ImportReport, dry_run, run_import, template
from ariane.journeys import load_journey
from ariane.model import Event
from ariane.store import SegmentLog
from tests.ingest.importing import imported

DATASETS = ("starbucks", "olist", "call-centre")


def logged(kind: str, path: Path, folder: Path) -> tuple[ImportReport, list[dict[str, Any]]]:
    """Import, and read the records of the log as they are written: quicker, for the largest."""
    log, records, offset = SegmentLog(folder / "log"), [], 0
    with log.writer("import") as writer:
        report = run_import(kind, path, writer=writer, resume_dir=folder / "imports")
    decode = msgspec.json.Decoder().decode
    while offset < log.end("import"):
        batch = log.read("import", offset, 8_000_000)
        records += [decode(record.payload) for record in batch.records]
        offset = batch.next_offset
    return report, records


def unique(events: list[Event]) -> int:
    return len({event.event_id for event in events})


# ── offers ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_offers_have_the_counts_of_their_source(shared_data: Path, tmp_path: Path) -> None:
    report, records = logged("starbucks", shared_data / "starbucks_offers", tmp_path)
    figures = report.figures
    assert figures["transaction"] == 138_953
    assert figures["offer received"] == 76_277
    assert figures["offer viewed"] == 57_725
    assert figures["offer completed"] == 33_579
    assert figures["persons"] == 17_000
    assert figures["profiles of unknown age"] == 2_175
    assert report.n_duplicates == figures["exact duplicates, kept"] == 397
    assert report.n_skipped == {"blank line": 114}
    assert report.n_events == report.n_added == len(records) == 306_534 + 17_000 + 1
    assert len({record["messageId"] for record in records}) == len(records)
    tracks = [record for record in records if record["type"] == "track"]
    names = Counter(record["event"] for record in tracks)
    assert names["Order Completed"] == 138_953 and names["Offer Completed"] == 33_579
    assert len({record["userId"] for record in records[1:]}) == 17_000
    rates = {name.removeprefix("view rate, "): round(rate, 2) for name, rate in figures.items() if "rate" in name}
    assert rates == {
        "web+email": 0.35,
        "web+email+mobile": 0.54,
        "web+email+mobile+social": 0.96,
        "email+mobile+social": 0.88,
    }
    sent = Counter(record["properties"]["channels"] for record in tracks if record["event"] == "Offer Received")
    seen = Counter(record["properties"]["channels"] for record in tracks if record["event"] == "Offer Viewed")
    assert {channels: round(seen[channels] / sent[channels], 2) for channels in sent} == rates
    assert all("offer_id" in record["properties"] for record in tracks if record["event"].startswith("Offer"))
    assert not any(record["properties"].get("age") == 118 for record in records)


@pytest.fixture
def offers(tmp_path: Path) -> Path:
    folder = tmp_path / "offers"
    folder.mkdir()
    offer = {"id": "o1", "offer_type": "bogo", "channels": ["social", "email", "web"]}
    (folder / "portfolio.json").write_text(json.dumps(offer))
    profiles = [
        {"gender": None, "age": 118, "id": "p1", "became_member_on": "20170212", "income": None},
        {"gender": "F", "age": 55, "id": "p2", "became_member_on": 20180715, "income": 112000},
    ]
    (folder / "profile.json").write_text("\n".join(map(json.dumps, profiles)))
    lines = [
        {"person": "p1", "event": "offer received", "value": {"offer id": "o1"}, "time": 0},
        {"person": "p1", "event": "offer viewed", "value": {"offer id": "o1"}, "time": 0},
        {"person": "p1", "event": "transaction", "value": {"amount": 2.5}, "time": 6},
        {"person": "p1", "event": "offer completed", "value": {"offer_id": "o1", "reward": 2}, "time": 6},
        {"person": "p1", "event": "offer completed", "value": {"offer_id": "o1", "reward": 2}, "time": 6},
        {"person": "p1", "event": "offer sung", "value": {}, "time": 7},
    ]
    (folder / "transcript.json").write_text("\n\n".join(map(json.dumps, lines)) + "\nnot json\n")
    return folder


def test_an_offer_keeps_both_spellings_its_order_and_its_duplicates(offers: Path, tmp_path: Path) -> None:
    report, events = imported("starbucks", offers, tmp_path)
    first, member, second, received, viewed, bought, completed, again = events
    assert first.name == "Import Started" and first.properties["purpose"] == "measurement"
    assert "age" not in member.properties and second.properties == {
        "gender": "F", "age": 55, "income": 112000.0, "became_member_on": "2018-07-15",
    }  # fmt: skip
    said = {"offer_id": "o1", "offer_type": "bogo", "channels": "web+email+social"}
    assert received.properties == viewed.properties == said and completed.properties == {**said, "reward": 2.0}
    assert received.occurred_us < viewed.occurred_us < received.occurred_us + 1_000
    assert (received.channel, viewed.channel, completed.channel, bought.channel) == (
        "social",
        "social",
        "store",
        "store",
    )
    assert bought.properties["revenue"] == 2.5 and bought.occurred_us - received.occurred_us == 6 * 3_600_000_000
    assert completed.event_id != again.event_id and report.n_duplicates == 1
    assert report.n_skipped == {"bad row": 1, "blank line": 5, "unknown event offer sung": 1}
    assert [(bad.file, bad.line) for bad in report.bad_rows] == [("transcript.json", 12)]


# ── orders ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_late_deliveries_are_scored_lower(shared_data: Path, tmp_path: Path) -> None:
    report, events = imported("olist", shared_data / "olist_sample", tmp_path)
    figures = report.figures
    assert round(figures["mean score, late"], 2) == 2.50 and round(figures["mean score, on time"], 2) == 4.28
    assert (figures["orders"], figures["persons"], figures["late"], figures["delivered"]) == (8_135, 8_016, 415, 5_170)
    assert round(figures["share late"], 2) == 0.08 and figures["answers"] == 8_225
    assert report.n_skipped == {} and unique(events) == len(events) == report.n_events
    answers = [event for event in events if event.name == "Survey Answered"]
    late = [event.properties["score"] for event in answers if event.properties["outcome"] == "late"]
    assert len(late) == 419 and round(sum(late) / len(late), 2) == 2.50
    assert {event.properties["about"] for event in answers} == {"Delivery Made", "Delivery Promised"}
    made = {event.properties["order_id"]: event for event in events if event.name == "Delivery Made"}
    assert sum(event.properties["late"] for event in made.values()) == 415
    assert all(event.properties["late"] == (event.properties["late_days"] > 0) for event in made.values())
    orders = [event for event in events if event.name == "Order Completed"]
    assert len({event.user_id for event in orders}) == 8_016 and {event.channel for event in events[1:]} == {"web"}


def test_a_marketplace_with_a_file_missing_says_which(shared_data: Path, tmp_path: Path) -> None:
    (tmp_path / "olist_customers.csv").write_text("customer_id\n")
    with pytest.raises(NotFound, match=r"no olist_orders\.csv .*olist_orders_dataset\.csv"):
        dry_run("olist", tmp_path)


# ── calls ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_calls_have_their_hang_ups_and_waits(shared_data: Path, tmp_path: Path) -> None:
    report, events = imported("call-centre", shared_data / "call_centre_feb1999", tmp_path)
    figures = report.figures
    assert round(figures["share of hang-ups"], 3) == 0.179
    assert round(figures["mean wait, served (s)"]) == 41 and round(figures["mean wait, abandoned (s)"]) == 44
    assert report.n_rows == 33_344 and figures["calls"] == 33_344 - 278 - 23
    assert report.n_skipped == {"phantom call": 278, "negative time in the menu": 23}
    assert unique(events) == len(events) == report.n_events
    names = Counter(event.name for event in events)
    assert names["Call Abandoned"] / names["Call Started"] == figures["share of hang-ups"]
    assert names["Call Answered"] == names["Call Ended"] == figures["served"]
    waited = [event.properties["wait_s"] for event in events if event.name == "Call Abandoned"]
    assert round(sum(waited) / len(waited)) == 44
    known = {event.user_id for event in events if event.user_id}
    unknown = {event.anonymous_id for event in events if event.anonymous_id}
    assert len(known) == figures["callers identified"] and "0" not in known
    assert len(unknown) == figures["calls of nobody known"]
    assert not any(event.user_id and event.anonymous_id for event in events)


HEADER = (
    "vru+line call_id customer_id priority type date vru_entry vru_exit vru_time "
    "q_start q_exit q_time outcome ser_start ser_exit ser_time server"
)
CALLS = """\
AA01 1 77 2 PS 990201 23:59:50 0:00:00 10 0:00:00 0:00:30 30 AGENT 0:00:30 0:02:30 120 ANN
AA01 2 0 0 NW 990202 10:00:00 10:00:05 5 0:00:00 0:00:00 0 HANG 0:00:00 0:00:00 0 NO_SERVER
AA01 3 0 0 NW 990202 10:00:00 10:00:05 5 0:00:00 0:00:00 0 PHANTOM 0:00:00 0:00:00 0 NO_SERVER
AA01 4 0 0 NW 990202 10:00:00 9:59:05 -55 0:00:00 0:00:00 0 HANG 0:00:00 0:00:00 0 NO_SERVER
AA01 5 0 0 NW 990202 25:00:00 9:59:05 5 0:00:00 0:00:00 0 HANG 0:00:00 0:00:00 0 NO_SERVER
"""


def test_a_call_over_midnight_keeps_its_order(tmp_path: Path) -> None:
    file = tmp_path / "february.txt"
    file.write_text((HEADER + "\n" + CALLS).replace(" ", "\t"))
    report, events = imported("call-centre", tmp_path, tmp_path / "out")
    assert [event.name for event in events] == [
        "Import Started", "Call Started", "Call Queued", "Call Answered", "Call Ended",
        "Call Started", "Call Abandoned",
    ]  # fmt: skip
    began = events[1].occurred_us
    assert [(event.occurred_us - began) // 1_000_000 for event in events[1:5]] == [0, 10, 40, 160]
    assert events[3].properties == {"call_id": "990201-AA01-1", "reason": "regular activity", "wait_s": 30}
    assert report.bad_rows[0].line == 6 and report.n_skipped["bad row"] == 1


# ── all three ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", DATASETS)
def test_each_data_set_has_a_journey_file_that_reads(kind: str, tmp_path: Path) -> None:
    text = template(kind)
    assert text is not None
    (tmp_path / "journey.toml").write_text(text)
    journey = load_journey(tmp_path / "journey.toml")
    assert journey.goal_index() >= 0 and IMPORTERS[kind].about


@pytest.mark.parametrize("kind", DATASETS)
def test_an_empty_folder_is_refused_with_what_was_looked_for(kind: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"Allowed: .*packed"):
        dry_run(kind, tmp_path)


def test_a_link_out_of_the_folder_is_not_followed(offers: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    (offers / "profile.json").rename(secret)
    (offers / "profile.json").symlink_to(secret)
    with pytest.raises(InputError, match="link out of the folder"):
        dry_run("starbucks", offers)


def test_an_unknown_kind_is_answered_with_the_near_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'starbucks'"):
        dry_run("starbuck", tmp_path)
