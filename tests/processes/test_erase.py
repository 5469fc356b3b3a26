"""Erasing a person: nothing of them is left in any file, and nobody else has changed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from ariane import identity
from ariane.consent import permit
from ariane.errors import Conflict, NotFound
from ariane.processes import erase
from ariane.store import Stores
from tests.processes.living import answers, deliver, process, town_events, workspace

MARKERS = ("zzmark-cookie", "zzmark@example.org", "zzmark-user", "zzmark-device", "ZZMARK-COMMENT", "zzmark-referrer")
EVENTS = (
    b'{"type":"identify","messageId":"zz-1","anonymousId":"zzmark-cookie","userId":"zzmark-user",'
    b'"timestamp":"2026-10-01T10:00:00Z","traits":{"email":"zzmark@example.org","name":"ZZMARK-COMMENT"}}',
    b'{"type":"track","event":"Survey Answered","messageId":"zz-2","userId":"zzmark-user","timestamp":'
    b'"2026-10-02T10:00:00Z","properties":{"question":"nps","score":3,"comment":"ZZMARK-COMMENT"}}',
    b'{"type":"page","name":"Home","messageId":"zz-3","anonymousId":"zzmark-cookie","timestamp":"2026-10-03T10:00:00Z",'
    b'"context":{"device":{"id":"zzmark-device"},"page":{"referrer":"zzmark-referrer"}}}',
)


def test_no_byte_of_an_erased_person_is_left(tmp_path: Path) -> None:
    stores = workspace(tmp_path / "ws")
    town = town_events(60)
    deliver(stores, [*town[:500], EVENTS[0], *town[500:900], EVENTS[1], *town[900:], EVENTS[2]])
    process(stores)
    assert files_with(stores.path, MARKERS), "the markers must be there before"
    with stores.state.read() as conn:
        keys = identity.person(conn, permit("service", actor="test"), "email:zzmark@example.org").keys
    erased = erase(stores, keys)
    assert (erased.n_events, erased.n_identifiers) == (3, 4)
    assert files_with(stores.path, MARKERS) == []
    with stores.state.read() as conn, pytest.raises(NotFound):
        identity.person(conn, permit("service", actor="test"), "email:zzmark@example.org")
    others = workspace(tmp_path / "others")
    deliver(others, list(town))
    process(others)
    left, expected = answers(stores), answers(others)
    assert left["persons"] == expected["persons"] and left["events"] == expected["events"]
    assert left["map"] == expected["map"]
    stores.close()
    others.close()


def test_offsets_mean_what_they_meant(tmp_path: Path) -> None:
    stores = workspace(tmp_path / "ws")
    deliver(stores, [*town_events(60)[:50], EVENTS[0]])
    process(stores)
    before = [record.offset for record in stores.log.read("web-0", 0, 1 << 30).records]
    with stores.state.read() as conn:
        keys = identity.person(conn, permit("service", actor="test"), "user_id:zzmark-user").keys
    erase(stores, keys)
    batch = stores.log.read("web-0", 0, 1 << 30)
    assert [record.offset for record in batch.records] == before and batch.damaged == []
    deliver(stores, [EVENTS[1]])
    process(stores)
    assert stores.lake.n_rows("events") == 51
    stores.close()


def test_an_erasure_cut_short_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = workspace(tmp_path / "ws")
    deliver(stores, [*town_events(60)[:100], *EVENTS])
    process(stores)
    with stores.state.read() as conn:
        keys = identity.person(conn, permit("service", actor="test"), "user_id:zzmark-user").keys

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    module = import_module("ariane.processes.erasing")
    with monkeypatch.context() as patched:
        patched.setattr(module, "_rewrite_lake", cut)
        with pytest.raises(KeyboardInterrupt):
            erase(stores, keys)
    erase(stores, ())
    assert files_with(stores.path, MARKERS) == []
    stores.close()


def test_a_workspace_being_served_is_not_erased_from(tmp_path: Path) -> None:
    stores = workspace(tmp_path / "ws")
    with stores.only("supervisor"), pytest.raises(Conflict):
        erase(Stores(tmp_path / "ws"), [1])
    stores.close()


def files_with(folder: Path, markers: tuple[str, ...]) -> list[str]:
    """Files in which any of the markers can be read, whatever the encoding of the page."""
    wanted = [marker.encode() for marker in markers]
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and any(marker in path.read_bytes() for marker in wanted)
    ]
