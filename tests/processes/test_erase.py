"""Erasing a person: nothing of them is left in any file, and nobody else has changed."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pyarrow.dataset as pads
import pytest

from ariane import identity
from ariane.consent import permit
from ariane.errors import Conflict, NotFound
from ariane.identity.steering import merge_event
from ariane.ingest import Record, encode
from ariane.ingest.sources import sample_of
from ariane.model import Identifier
from ariane.processes import erase, stream
from ariane.processes.suppressing import suppress
from ariane.store import Stores
from tests.cli.test_commands import Ran
from tests.processes.living import NOW_US, answers, deliver, process, town_events, workspace

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


def test_files_that_hold_nothing_of_the_person_stay_as_they_are(tmp_path: Path) -> None:
    stores = workspace(tmp_path / "ws")
    stores.log.segment_bytes = 60_000
    town = list(town_events(60))
    for part in (town[:300], [*town[300:600], *EVENTS], town[600:900]):
        deliver(stores, part)
        process(stores)
    before = contents(stores)
    rows, folder = stores.lake.n_rows("events"), stores.path / "lake" / "events"
    with stores.state.read() as conn:
        keys = identity.person(conn, permit("service", actor="test"), "email:zzmark@example.org").keys
    assert erase(stores, keys).n_events == 3
    after = contents(stores)
    assert files_with(stores.path, MARKERS) == []
    assert stores.lake.n_rows("events") == rows - 3 and stores.lake.missing("events") == []
    kept = {path: inode for path, inode in before.items() if after.get(path) == inode}
    logs, parquet = ({path for path in kept if path.endswith(end)} for end in (".log", ".parquet"))
    assert logs and parquet, "untouched files are the same files"
    assert {path for path in before if path.endswith(".log")} - logs, "and the touched ones are not"
    assert {path for path in before if path.endswith(".parquet")} - parquet
    assert len(list((folder / "_delta_log").glob("*.json"))) < 10
    # Engines that go by the files' least and greatest values still find every row in them.
    events = stores.lake.dataset("events", stores.lake.files("events"))
    n = stores.lake.n_rows("events")
    assert events.count_rows(filter=pads.field("log_partition") == "web-0") == n == events.count_rows()
    kinds = events.to_table(columns=["event"]).column(0).to_pylist()
    assert events.count_rows(filter=pads.field("event") == "Product Viewed") == kinds.count("Product Viewed") > 0
    stores.close()


ELSEWHERE = (
    b'{"type":"track","event":"Call Started","messageId":"zz-4","anonymousId":"other-1","timestamp":'
    b'"2026-10-04T10:00:00Z","properties":{"phone":"06 39 98 12 34"},"context":{"note":"zzmark-phone"}}',
    b'{"type":"track","event":"Noted","messageId":"zz-5","anonymousId":"other-2","timestamp":"2026-10-04T10:00:00Z",'
    b'"context":{"note":"zzmark-outer","externalIds":[{"type":"email","id":"ZZmark@Example.org"}]}}',
    b'{"type":"alias","messageId":"zz-6","userId":"zzmark-user","previousId":"zzmark-older"}',
    b'{"type":"track","event":"Noted","messageId":"zz-7","anonymousId":"other-4","timestamp":"2026-10-04T10:00:00Z",'
    b'"context":{"note":"zzmark-inner","traits":{"email":"\\u007azmark@example.org"}}}',
)


def test_mentions_in_any_place_and_spelling_go(tmp_path: Path) -> None:
    stores = workspace(tmp_path / "ws")
    town = town_events(60)
    deliver(stores, [*town[:200], *EVENTS, *ELSEWHERE])
    process(stores)
    phone = Identifier("phone", "+33639981234")
    order = merge_event(phone, Identifier("email", "zzmark@example.org"), actor="nina", at="2026-11-01T10:00:00Z")
    with stores.log.writer("console") as writer:
        record = Record(
            source="_ariane", message_id=order["messageId"], type="track", event=order["event"], received_us=NOW_US,
            timestamp=order["timestamp"], properties=order["properties"],
        )  # fmt: skip
        writer.append([encode(record)])
    process(stores)
    with stores.state.read() as conn:
        keys = identity.person(conn, permit("service", actor="test"), "email:zzmark@example.org").keys
    assert phone.key in keys
    erased = erase(stores, keys)
    markers = (
        *MARKERS,
        "zzmark-older",
        "zzmark-phone",
        "zzmark-outer",
        "zzmark-inner",
        "06 39 98 12 34",
        "+33639981234",
        "ZZmark",
    )
    assert files_with(stores.path, markers) == []
    assert erased.n_events == 8 and stores.lake.n_rows("events") == 200
    stores.close()


def test_after_the_rules_changed_the_events_are_read_again(tmp_path: Path) -> None:
    stores = workspace(tmp_path / "ws")
    deliver(stores, [*town_events(60)[:200], *EVENTS])
    process(stores)
    (stores.path / "identity.toml").write_text("[kinds.cookie]\npriority = 200\n", encoding="utf-8")
    erase(stores, [Identifier("user_id", "zzmark-user").key, Identifier("cookie", "zzmark-cookie").key])
    rows = stores.lake.read("events", ["anonymous_id", "subject_key"]).to_pylist()
    cookies = {Identifier("cookie", row["anonymous_id"]).key: row for row in rows if row["anonymous_id"]}
    assert cookies and all(row["subject_key"] == key for key, row in cookies.items())
    stores.close()


def contents(stores: Stores) -> dict[str, int]:
    """Every file of log and lake, with what tells whether it is still the same one."""
    folders = [stores.path / "log", stores.path / "lake" / "events"]
    return {
        str(path): path.stat().st_ino
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix in (".log", ".parquet") and "_delta_log" not in path.parts
    }


def test_a_damaged_line_stops_nothing_once_it_is_blanked(tmp_path: Path) -> None:
    stores = workspace(tmp_path / "ws")
    deliver(stores, [*town_events(60)[:50], EVENTS[0]])
    [segment] = (stores.path / "log" / "web-0").glob("*.log")
    content = bytearray(segment.read_bytes())
    content[40] ^= 1
    segment.write_bytes(content)
    process(stores)
    with stores.state.read() as conn:
        keys = identity.person(conn, permit("service", actor="test"), "user_id:zzmark-user").keys
    erase(stores, keys)
    assert stores.lake.n_rows("events") == 49
    assert files_with(stores.path, MARKERS) == []
    stores.close()


@pytest.mark.parametrize("where", ["_rewrite_lake", "rebuild"])
def test_an_erasure_cut_short_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    stores = workspace(tmp_path / "ws")
    elder = Identifier("cookie", "zzmark-elder").key
    suppress(stores.path, [elder], [], NOW_US)
    deliver(stores, [*town_events(60)[:100], *EVENTS, again(EVENTS[2], anonymousId="zzmark-elder")])
    process(stores)
    assert stores.lake.n_rows("events") == 103 and files_with(stores.path, ("zzmark-elder",)), "it is in the log alone"
    with stores.state.read() as conn:
        keys = identity.person(conn, permit("service", actor="test"), "user_id:zzmark-user").keys

    def cut(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    module = import_module("ariane.processes.erasing")
    with monkeypatch.context() as patched:
        patched.setattr(module, where, cut)
        with pytest.raises(KeyboardInterrupt):
            erase(stores, keys)
    assert module.finish(stores) is not None and module.finish(stores) is None
    assert files_with(stores.path, (*MARKERS, "zzmark-elder")) == []
    deliver(stores, [again(one) for one in EVENTS], partition="import")
    process(stores)
    assert stores.lake.n_rows("events") == 100, "and old files bring nobody back"
    stores.close()


def again(event: bytes, **other: str) -> bytes:
    """The event under another id, as another export of it has; the fields of `other` are those."""
    said = json.loads(event) | other
    return json.dumps(said | {"messageId": f"again-{said['messageId']}-{len(other)}"}).encode()


KIOSK = tuple(
    b'{"type":"identify","messageId":"k-%d","anonymousId":"kiosk","userId":"%s","timestamp":"2026-10-0%dT10:00:00Z"}'
    % (n, who, n)
    for n, who in ((1, b"zzmark-user"), (2, b"ben"), (3, b"cleo"))
)
LINK = (
    b'{"type":"page","messageId":"l","anonymousId":"friend","timestamp":"2026-10-01T10:00:00Z",'
    b'"context":{"page":{"url":"https://a.b/?email=zzmark@example.org"}}}'
)
CARD = (
    b'{"type":"track","event":"Joined","messageId":"zz-8","userId":"zzmark-user","timestamp":"2026-10-04T10:00:00Z",'
    b'"properties":{"loyalty_card":"L-2001"}}'
)
LATER = "2027-01-10T10:00:00Z"


def test_offsets_mean_what_they_meant_and_what_comes_again_is_left_out(tmp_path: Path) -> None:
    stores = workspace(tmp_path / "ws")
    deliver(stores, [*town_events(60)[:50], *EVENTS, CARD, *KIOSK[:2]])
    process(stores)
    before = [record.offset for record in stores.log.read("web-0", 0, 1 << 30).records]
    with stores.state.read() as conn:
        keys = identity.person(conn, permit("service", actor="test"), "user_id:zzmark-user").keys
    assert len(keys) == 5 and erase(stores, keys).n_events == 5
    batch = stores.log.read("web-0", 0, 1 << 30)
    assert [record.offset for record in batch.records] == before and batch.damaged == []
    assert {(stores.path / name).stat().st_mode & 0o777 for name in ("erased.key", "erased.json")} == {0o600}
    deliver(stores, [*(again(one) for one in (*EVENTS, *KIOSK)), LINK, again(EVENTS[0], timestamp=LATER)])
    receipts = tmp_path / "receipts.csv"
    receipts.write_text(sample_of("till"), encoding="utf-8")  # three, of which two say the card
    said = Ran("import", "till", str(receipts), workspace=stores.path)
    assert "2 events of erased people were left out." in said.out, said.err
    assert files_with(stores.path / "log" / "import", ("2001",)) == []
    _is_somebody_new(stores)
    stores.close()


def _is_somebody_new(stores: Stores) -> None:
    """What came again left nothing, but for the kiosk's others and what occurred after the erasure; read anew, too."""
    rows = [row for row in stores.lake.read("events").to_pylist() if row["anonymous_id"] in ("kiosk", "zzmark-cookie")]
    people = sorted((row["user_id"], row["anonymous_id"]) for row in rows)
    assert people == [("ben", "kiosk"), ("ben", "kiosk"), ("cleo", "kiosk"), ("zzmark-user", "zzmark-cookie")]
    assert stores.lake.n_rows("events") == 50 + 4 + 2, "and a receipt, and what says which file it was"
    with stores.state.read() as conn:
        person = identity.person(conn, permit("service", actor="test"), "email:zzmark@example.org")
        assert person.n_events == 1 and len(person.keys) == 3
        before = identity.tables(conn)
    stores.state.drop()
    stores.state.create()
    stream.run(stores)
    with stores.state.read() as conn:
        assert identity.tables(conn) == before


def test_a_repeat_the_lake_has_not_passed_is_still_one(tmp_path: Path) -> None:
    stores, events = workspace(tmp_path / "ws"), town_events(60)[:50]
    deliver(stores, events, partition="web-1")
    process(stores)
    deliver(stores, events, partition="web-0")
    stream.run(stores)
    erase(stores, [1])
    assert stores.lake.n_rows("events") == 50
    stores.close()


def test_a_workspace_being_served_is_not_erased_from(tmp_path: Path) -> None:
    stores = workspace(tmp_path / "ws")
    with stores.only("supervisor"), pytest.raises(Conflict):
        erase(Stores(tmp_path / "ws"), [1])
    stores.close()


LOOK = """
import json, sys
from pathlib import Path
folder, wanted = Path(sys.argv[1]), [marker.encode() for marker in sys.argv[2:]]
found = [path for path in folder.rglob("*") if path.is_file() and any(one in path.read_bytes() for one in wanted)]
print(json.dumps([str(path.relative_to(folder)) for path in found]))
"""


def files_with(folder: Path, markers: tuple[str, ...]) -> list[str]:
    """Files in which any of the markers can be read, whatever the encoding of the page.

    Looked at by another process: one that closes a file of SQLite's loses the locks it holds on it, and others then
    take the state for nobody's ("How To Corrupt An SQLite Database File", 2.2).
    """
    command = [sys.executable, "-c", LOOK, str(folder), *markers]
    found: list[str] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return found
