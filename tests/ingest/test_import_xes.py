"""Process logs: what a case and its events become, round trips of generated logs, and files that mean harm."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ariane import identity
from ariane.errors import InputError
from ariane.ingest.importers import dry_run, propose_mapping
from ariane.ingest.importers.report import Tally
from ariane.ingest.importers.xes import xes_rows
from ariane.ingest.mapping import Column, parse_mapping
from tests.ingest.importing import imported

LOG = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="2.0" xmlns="http://www.xes-standard.org/">
  <extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
  <global scope="event"><string key="concept:name" value="UNKNOWN"/></global>
  <classifier name="Activity" keys="concept:name"/>
  <string key="concept:name" value="repairs"/>
  <trace>
    <string key="concept:name" value="case-1"/>
    <string key="customer" value="m1"/>
    <float key="amount" value="12.5"/>
    <event>
      <string key="concept:name" value="Ticket Opened"/>
      <date key="time:timestamp" value="2026-03-01T09:00:00.000+01:00"/>
      <string key="lifecycle:transition" value="complete"/>
      <string key="org:resource" value="Nina"/>
      <int key="attempt" value="1"/>
      <boolean key="warranty" value="true"/>
      <string key="part" value="lamp"><string key="serial" value="L-7"/></string>
      <list key="tags"><values><string key="t" value="loud"/><string key="t" value="late"/></values></list>
      <container key="place"><string key="city" value="Lyon"/></container>
    </event>
    <event><string key="concept:name" value="Called"/><date key="time:timestamp" value="2026-03-02"/></event>
    <event><string key="concept:name" value="Called"/><date key="time:timestamp" value="2026-03-02"/></event>
    <event><string key="concept:name" value="Untimed"/></event>
  </trace>
  <trace>
    <string key="concept:name" value="case-2"/>
    <event><string key="concept:name" value="Called"/><date key="time:timestamp" value="2026-03-02"/></event>
  </trace>
</log>
"""


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_case_is_a_person_and_workers_are_left_out(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    file = tmp_path / "repairs.xes.gz"
    file.write_bytes(pack(LOG.encode()))
    report, events = imported("xes", file, tmp_path / "out")
    opened, called, again, other = events[1:]
    assert (opened.name, called.name, again.name) == ("Ticket Opened", "Called", "Called")
    assert opened.occurred_us == int(datetime(2026, 3, 1, 8, tzinfo=UTC).timestamp()) * 1_000_000
    assert opened.properties == {
        "lifecycle": "complete", "attempt": 1, "warranty": True, "part": "lamp", "tags": ["loud", "late"],
        "place": {"city": "Lyon"}, "case_customer": "m1", "case_amount": 12.5,
    }  # fmt: skip
    assert "Nina" not in str(events) and opened.channel == "process"
    assert [event.anonymous_id for event in events[1:]] == ["case-1", "case-1", "case-1", "case-2"]
    assert len({event.event_id for event in events}) == 5 and called.occurred_us == again.occurred_us
    assert report.n_rows == 5 and report.n_skipped == {"bad row": 1} and report.bad_rows[0].field == "time:timestamp"
    assert other.properties == {}


def test_a_mapping_names_the_person_behind_the_case(tmp_path: Path) -> None:
    (tmp_path / "repairs.xes").write_text(LOG)
    mapping = parse_mapping(
        'channel = "store"\nuser_id = "case:customer"\n[[events]]\nname = { column = "concept:name" }\n'
        'timestamp = { column = "time:timestamp" }\nproperties = { serial = "part.serial", case = "case:concept:name" }'
    )
    _, events = imported("xes", tmp_path / "repairs.xes", tmp_path / "out", mapping)
    first = events[1]
    assert str(identity.identify(first)[0]) == "user_id:m1" and first.channel == "store"
    assert first.properties == {"serial": "L-7", "case": "case-1"}


def test_the_mapping_proposed_is_the_usual_one(tmp_path: Path) -> None:
    (tmp_path / "repairs.xes").write_text(LOG)
    mapping = propose_mapping(tmp_path / "repairs.xes")
    assert mapping.anonymous_id == "case:concept:name" and mapping.events[0].name == Column("concept:name")
    assert dry_run("xes", tmp_path / "repairs.xes", mapping=mapping).n_events == 4


def test_a_log_that_grew_adds_only_what_is_new(tmp_path: Path) -> None:
    file = tmp_path / "repairs.xes"
    file.write_text(LOG)
    _, before = imported("xes", file, tmp_path / "out")
    more = '<event><string key="concept:name" value="Asked"/><date key="time:timestamp" value="2026-03-01"/></event>'
    file.write_text(LOG.replace("<event>", f"{more}<event>", 1))
    _, after = imported("xes", file, tmp_path / "out")
    new = {event.event_id for event in after} - {event.event_id for event in before}
    assert sorted(event.name for event in after if event.event_id in new) == ["Asked", "Import Started"]


# ── round trips ───────────────────────────────────────────────────────────────────────────────────────────────────────

TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=0xD7FF, exclude_categories=["Cc", "Cs"]), max_size=12)
KEYS = st.from_regex(r"[a-z]{1,6}(:[a-z]{1,6})?", fullmatch=True)
VALUES: st.SearchStrategy[Any] = st.one_of(
    TEXTS, st.booleans(), st.integers(-(2**40), 2**40), st.floats(allow_nan=False, allow_infinity=False)
)
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))
EVENTS = st.tuples(TEXTS.filter(lambda text: text.strip() != ""), MOMENTS, st.dictionaries(KEYS, VALUES, max_size=4))
TRACES = st.tuples(
    st.from_regex(r"[a-z0-9]{1,9}", fullmatch=True),
    st.dictionaries(KEYS, VALUES, max_size=3),
    st.lists(EVENTS, max_size=5),
)
TAGS = {str: "string", bool: "boolean", int: "int", float: "float"}


def written(traces: list[tuple[str, dict[str, Any], list[tuple[str, datetime, dict[str, Any]]]]]) -> bytes:
    log = ElementTree.Element("log", {"xmlns": "http://www.xes-standard.org/"})

    def put(parent: ElementTree.Element, tag: str, key: str, value: Any) -> None:
        text = (
            str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, float) else str(value)
        )
        ElementTree.SubElement(parent, tag, {"key": key, "value": text})

    for case, about, events in traces:
        trace = ElementTree.SubElement(log, "trace")
        put(trace, "string", "concept:name", case)
        for key, value in about.items():
            put(trace, TAGS[type(value)], key, value)
        for name, at, said in events:
            event = ElementTree.SubElement(trace, "event")
            put(event, "string", "concept:name", name)
            put(event, "date", "time:timestamp", at.isoformat())
            for key, value in said.items():
                put(event, TAGS[type(value)], key, value)
    return bytes(ElementTree.tostring(log, encoding="utf-8"))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TRACES, max_size=5))
def test_what_is_written_is_read_back(
    tmp_path: Path, traces: list[tuple[str, dict[str, Any], list[tuple[str, datetime, dict[str, Any]]]]]
) -> None:
    file = tmp_path / "log.xes"
    file.write_bytes(gzip.compress(written(traces)))
    tally = Tally()
    rows = list(xes_rows(file, tally))
    expected = []
    for case, about, events in traces:
        above = {"case:concept:name": case} | {f"case:{key}": value for key, value in about.items()}
        for name, at, said in events:
            expected.append(above | {"concept:name": name, "time:timestamp": at.isoformat()} | said)
    assert [row.values for row in rows] == expected and tally.n_rows == len(rows)
    report = dry_run("xes", file)
    assert report.n_events + report.n_duplicates == len(rows) and report.bad_rows == ()


def test_memory_stays_bounded(tmp_path: Path) -> None:
    file = tmp_path / "long.xes"
    event = "<event><string key='concept:name' value='e'/><date key='time:timestamp' value='2026-01-01'/></event>"
    file.write_text(f"<log>{f'<trace>{event * 10}</trace>' * 1_500}</log>")
    tracemalloc.start()
    n_rows = sum(1 for _ in xes_rows(file, Tally()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert n_rows == 15_000 and peak < 8_000_000


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<html></html>", "begins with <html>"),
        ("<log><trace></log>", "not well-formed"),
        ("<log><trace><event>", "not well-formed"),
        ("no xml", "not well-formed"),
        ('<!DOCTYPE log [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><log>&b;</log>', "entities"),
        ('<!DOCTYPE log [<!ENTITY x SYSTEM "file:///etc/passwd">]><log>&x;</log>', "entities"),
        ("<log>" + "<container key='k'>" * 60, "deeper than 50"),
        (f"<log><trace><string key='k' value='{'x' * 5_000_000}'/></trace></log>", "4,194,304 bytes"),
    ],
    ids=["html", "crossed", "cut", "text", "entity", "outside", "deep", "long"],
)
def test_a_file_that_is_no_log_says_why(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "log.xes").write_text(text)
    with pytest.raises(InputError, match=problem):
        dry_run("xes", tmp_path / "log.xes")
