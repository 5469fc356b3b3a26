"""Every kind of source: what its rows become, once, and that the registry, the names and the page agree."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ariane import identity
from ariane.errors import InputError, NotFound
from ariane.ingest import KNOWN_EVENTS
from ariane.ingest.importers import dry_run, mapping_text, run_import
from ariane.ingest.mapping import KINDS, parse_mapping
from ariane.ingest.sources import free_texts, kinds, mapping_of, mapping_text_of, sample_of, source_kind
from ariane.store import SegmentLog
from tests.ingest.sources.documented import PAGE, page
from tests.ingest.sources.golden import FIXTURES, imported, rows_of, told

OTHERS = ("friend", "recipient", "699999999", "emma_r", "lea")
"""Words of the fixtures that belong to somebody else than the person."""


@pytest.mark.parametrize("kind", kinds())
def test_rows_become_the_events_written_down(kind: str, tmp_path: Path) -> None:
    left, events = imported(kind, rows_of(kind), tmp_path)
    assert told(events, left) == (FIXTURES / kind / "events.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", kinds())
def test_importing_again_adds_nothing_even_when_told_to_read_again(kind: str, tmp_path: Path) -> None:
    log = SegmentLog(tmp_path / "log")
    with log.writer("import") as writer:
        args = {"writer": writer, "resume_dir": tmp_path / "imports"}
        first = run_import(kind, rows_of(kind), **args)
        again = run_import(kind, rows_of(kind), **args)
        run_import(kind, rows_of(kind), **args, force=True)
    assert first.n_added == first.n_events > 1 and (again.n_added, again.already) == (0, True)
    ids = [msgspec.json.decode(record.payload)["messageId"] for record in log.read("import", 0, 50_000_000).records]
    assert len(ids) == 2 * len(set(ids))


@pytest.mark.parametrize("kind", kinds())
def test_a_sample_is_read_whole_and_shows_every_channel_of_use(kind: str, tmp_path: Path) -> None:
    file = tmp_path / source_kind(kind).sample
    file.write_text(sample_of(kind), encoding="utf-8")
    report = dry_run(kind, file)
    assert report.n_events >= 2 and not report.bad_rows and report.basis == source_kind(kind).basis
    assert all(reason == "no event for 'in_transit'" for reason in report.n_skipped)


@pytest.mark.parametrize("kind", kinds())
def test_a_kind_says_what_it_is_in_both_languages_and_makes_known_events(kind: str) -> None:
    found, mapping = source_kind(kind), mapping_of(kind)
    for text in (found.title, found.about):
        assert set(text) == {"en", "fr"} and all(text.values())
    assert set(found.events) <= set(KNOWN_EVENTS)
    assert mapping.about is not None and len(mapping_text_of(kind).splitlines()) <= 90
    assert mapping_text_of(kind).startswith("# ")
    assert parse_mapping(mapping_text(mapping)) == mapping
    properties = {*mapping.properties, *(key for event in mapping.events for key in event.properties)}
    assert not properties & set(KINDS), "a property of that name would be taken as who it was"
    if "comment" in properties:
        assert "comment" in mapping.free_texts


@pytest.mark.parametrize("kind", kinds())
def test_who_else_is_spoken_of_never_becomes_the_person(kind: str, tmp_path: Path) -> None:
    _, events = imported(kind, rows_of(kind), tmp_path)
    for event in events:
        for found in identity.identify(event):
            assert not any(word in found.value for word in OTHERS), found


def test_every_channel_has_a_source() -> None:
    reached = {channel for kind in kinds() for channel in source_kind(kind).channels}
    from ariane.model import CHANNELS

    assert set(CHANNELS) <= reached


def test_what_somebody_wrote_is_declared_by_event() -> None:
    found = free_texts()
    assert found["Chat Turn"] == found["Adviser Consulted"] == {"comment"} and found["Review Posted"] == {
        "comment",
        "title",
    }
    assert "Order Completed" not in found and set(found) <= set(KNOWN_EVENTS)


def test_the_page_says_what_the_mappings_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.ingest.sources.documented"


def test_an_unknown_kind_is_answered_with_those_there_are() -> None:
    with pytest.raises(NotFound, match="did you mean 'shopify'"):
        source_kind("shopfy")
    with pytest.raises(NotFound):
        mapping_of("../till")
    with pytest.raises(InputError, match="did you mean 'sendgrid'"):
        dry_run("sendgrit", "nowhere.csv")


def test_a_workspace_changes_a_kind_and_adds_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "visits.toml").write_text(mapping_text_of("visits").replace('"card"', '"badge"', 1))
    (folder / "kiosk.toml").write_text(
        'channel = "store"\n[[events]]\nname = "Product Viewed"\ntimestamp = { column = "at" }\n'
        'properties = { product_id = "what" }\n'
    )
    (folder / "Not A Kind.toml").write_text("broken =")
    assert set(kinds(folder)) == {*kinds(), "kiosk"}
    assert source_kind("kiosk", folder).own and source_kind("visits", folder).own and not source_kind("visits").own
    assert mapping_of("visits", folder).identifiers == {"loyalty_card": "badge"}
    assert sample_of("kiosk", folder) == ""
    file = tmp_path / "views.csv"
    file.write_text("at,what\n2026-01-01T00:00:00Z,FIL-1\n")
    assert dry_run("kiosk", file, folder=folder).n_events == 1
    (folder / "kiosk.toml").write_text("events = []")
    with pytest.raises(InputError, match=r"kiosk\.toml.*no event is described"):
        source_kind("kiosk", folder)
