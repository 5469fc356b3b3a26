"""What is told of persons: each change once, in order, with its cause; where former ids lead; nothing is rewritten."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from ariane import identity
from ariane.identity.history import changes, membership
from ariane.identity.steering import merge_event, resolve_all, retract_event, split_event
from ariane.identity.stored import identifiers, persons, told_aliases, told_changes, told_moves
from ariane.processes import erase, erasing, rebuild, rebuilding
from ariane.processes.exporting import export
from ariane.store import Stores
from ariane.store.layers import settled_rows
from ariane.workspace import Workspace
from identity.test_any_order import HISTORY, cut
from identity.town import SERVICE, Town, command, event, ident, town
from tests.processes.living import deliver, process, town_events, workspace

NINA = {"actor": "nina", "at": "2026-01-01T00:00:00Z"}


def told(t: Town, after: int = 0, **more):
    with t.read() as conn:
        return changes(conn, SERVICE, after=after, **more)


def test_a_merge_a_split_and_a_return_are_told_once_each_with_their_cause() -> None:
    t = town(event(1, cookie="old"), event(2, cookie="young"))
    kept, gone = t.person_of("cookie:old"), t.person_of("cookie:young")
    assert told(t).rows == () and told(t).next == 0, "a first membership is no change"
    login = event(9, type="identify", user_id="ana", cookie="young")
    t.absorb(event(8, type="identify", user_id="ana", cookie="old"), login)
    merged = told(t)
    assert [(one.cause, one.person_id, one.into_person_id, one.present_id) for one in merged.rows] == [
        ("merged", gone, kept, kept)
    ]
    assert (merged.rows[0].rule, merged.rows[0].event_id) == ("login", login.event_id)
    assert [str(one) for one in merged.rows[0].moved] == ["cookie:young"] and merged.rows[0].at_us == 9_000_005
    order = command(20, retract_event(ident("user_id:ana"), ident("cookie:young"), **NINA))
    t.absorb(order)
    parted = told(t, merged.next)
    assert [(one.cause, one.person_id, one.into_person_id) for one in parted.rows] == [("split", kept, gone)]
    assert parted.rows[0].event_id == order.event_id, "a decision is what did it"
    assert t.now(gone) == gone and not told(t, parted.next).rows
    t.absorb(command(30, merge_event(ident("user_id:ana"), ident("cookie:young"), **NINA)))
    t.absorb(command(40, split_event(ident("user_id:ana"), ident("cookie:young"), **NINA)))
    again = told(t, parted.next).rows[0]
    assert (again.cause, again.rule) == ("merged", "manual")
    with t.read() as conn:
        spans = [one for one in membership(conn, SERVICE, gone) if str(one.identifier) == "cookie:young"]
    assert [one.person_id for one in spans] == [gone, kept, gone, kept, gone]
    assert [one.from_us for one in spans[1:]] == [one.until_us for one in spans[:-1]] and spans[-1].until_us is None


def test_pages_resume_where_they_ended() -> None:
    t = Town()
    for n in range(6):
        t.absorb(event(n, cookie=f"c{n}"))
    for n in range(6):
        t.absorb(event(10 + n, type="identify", user_id="ana", cookie=f"c{n}"))
    whole, after, read = told(t), 0, []
    while (page := told(t, after, limit=2)).rows:
        read += page.rows
        after = page.next
        assert page.more == (len(read) < len(whole.rows))
    assert tuple(read) == whole.rows and [one.n for one in read] == [1, 2, 3, 4, 5]


def test_the_alias_of_an_alias_leads_to_the_present_one_in_one_step() -> None:
    t = town(*(event(n, cookie=f"c{n}") for n in (3, 2, 1)))
    ids = [t.person_of(f"cookie:c{n}") for n in (3, 2, 1)]
    t.absorb(event(10, type="identify", user_id="u", cookie="c3"), event(11, type="identify", user_id="u", cookie="c2"))
    t.absorb(event(12, type="identify", user_id="u", cookie="c1"))
    assert {row[0]: row[1] for row in t.rows(told_aliases)} == {ids[0]: ids[2], ids[1]: ids[2]}
    assert [t.now(one) for one in ids] == [ids[2]] * 3


@settings(max_examples=15, deadline=None)
@given(HISTORY, st.lists(st.integers(0, 5), max_size=20))
def test_who_follows_what_is_told_knows_whose_each_identifier_is(history, sizes) -> None:
    """A follower who was given each identifier's first person, and then the changes, agrees with the state."""
    t, held = Town(), {}
    for batch in cut(list(history), sizes):
        after = told(t).next if not held else max([0, *(row[0] for row in t.rows(told_changes))])
        t.absorb(*batch)
        with t.read() as conn:
            now = dict(map(tuple, conn.execute(sa.select(identifiers.c.key, identifiers.c.person_id))))
            moved = conn.execute(
                sa.select(told_moves.c.key, told_changes.c.old_person_id, told_changes.c.new_person_id)
                .join(told_changes, told_changes.c.n == told_moves.c.n)
                .where(told_changes.c.n > after)
            ).fetchall()
        for key, old, new in moved:
            assert held[key] == old != new
            held[key] = new
        held |= {key: person for key, person in now.items() if key not in held}
        assert held == now
    alive = {row[0] for row in t.rows(persons)}
    for row in t.rows(told_aliases):
        assert row[1] in alive, "every id that was told leads to somebody, in one step"
        assert t.now(row[0]) == row[1]
    before = t.rows(told_changes)
    with t.state.begin() as conn:
        resolve_all(conn)
    assert t.rows(told_changes) == before, "solving it all again has nothing to tell"


def test_a_lake_of_before_is_read_and_written_anew(tmp_path: Path) -> None:
    stores = workspace(tmp_path / "ws")
    deliver(stores, town_events(4))
    process(stores)
    held, progress = (
        stores.lake.read("identifiers"),
        {"state": stores.lake.progress("identifiers", "state"), "version": 9},
    )
    stores.lake.drop("identifiers")
    for name in ("person_changes", "person_moves", "aliases"):
        stores.lake.drop(name)
    old = settled_rows(held.drop_columns(["first_us"]))
    stores.lake.append("identifiers", old, partition_by=("layer",), progress=progress)
    with Workspace(stores.path) as ws:
        spans = ws.sql("SELECT count(*) AS n, count(valid_from) AS dated FROM membership", "service").to_dicts()
    assert spans == [{"n": held.num_rows, "dated": 0}]
    assert export(stores) and not export(stores)
    assert stores.lake.read("identifiers").sort_by("key").equals(held.sort_by("key"))
    stores.close()


def history_of(stores: Stores) -> list[list[tuple]]:
    with stores.state.read() as conn:
        tables = (told_changes, told_moves, told_aliases)
        return [list(map(tuple, conn.execute(sa.select(one).order_by(*one.primary_key)))) for one in tables]


def asked(path: Path, told_: list[list[tuple]]) -> None:
    """The relations say what the state says."""
    with Workspace(path) as ws:
        said = ws.sql("SELECT n, cause, person_id, into_person_id FROM person_changes ORDER BY n", "service").to_dicts()
        assert [tuple(row.values()) for row in said] == [(row[0], row[4], row[2], row[3]) for row in told_[0]]
        led = ws.sql("SELECT alias, person_id FROM aliases", "service").to_dicts()
        assert {row["alias"]: row["person_id"] for row in led} == {a: b for a, b, _ in told_[2] if a != b}
        spans = ws.sql("SELECT * FROM membership ORDER BY kind, value, valid_from", "service").to_dicts()
        now = ws.sql("SELECT kind, value, person_id FROM identifiers ORDER BY kind, value", "service").to_dicts()
        assert [{name: row[name] for name in now[0]} for row in spans if row["valid_to"] is None] == now
        assert len(spans) == len(now) + len(told_[1])
        for one, other in pairwise(spans):
            if (one["kind"], one["value"]) == (other["kind"], other["value"]):
                assert one["valid_to"] == other["valid_from"] and other["cause"] in ("merged", "moved", "split")
                assert one["person_id"] != other["person_id"]
        page = ws.people.changes(limit=2)
        assert [one.n for one in page.rows] == [row[0] for row in told_[0][:2]] and page.more


def test_a_rebuild_rewrites_nothing_that_was_told_and_an_erasure_leaves_that_an_id_was_erased(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in (rebuilding, erasing):  # the stream and the lake's writer, here and not in processes of their own
        monkeypatch.setattr(one, "catch_up", lambda stores, *_: process(stores))
    stores = workspace(tmp_path / "ws")
    town_ = list(town_events(10))
    half = len(town_) // 2
    for part in (town_[:half], town_[half:]):
        deliver(stores, part)
        process(stores)
    before = history_of(stores)
    assert before[0] and before[1] and before[2], "there is a history to keep"
    asked(stores.path, before)
    rebuild(stores)
    assert history_of(stores) == before
    assert stores.lake.read("person_changes").column("n").to_pylist() == [row[0] for row in before[0]]
    (stores.path / "state.db").unlink()
    for end in ("-wal", "-shm"):
        (stores.path / f"state.db{end}").unlink(missing_ok=True)
    stores.close()
    stores = Stores(tmp_path / "ws")
    rebuild(stores)  # the state is lost: the lake's copy says what was told
    kept = history_of(stores)
    assert [[(row[0], *row[2:]) for row in kept[0]], kept[1]] == [[(row[0], *row[2:]) for row in before[0]], before[1]]
    merged = next(
        row for row in before[0] if row[4] == "merged" and dict(map(lambda r: r[:2], before[2]))[row[2]] == row[3]
    )
    with stores.state.read() as conn:
        thread = identity.person(conn, SERVICE, merged[2])
    assert thread.person_id == merged[3] and merged[2] in thread.aliases, "a former id is answered with the present one"
    erase(stores, thread.keys)
    with stores.state.read() as conn:
        page = changes(conn, SERVICE, limit=1000)
    ids = {thread.person_id, *thread.aliases}
    about = [one for one in page.rows if ids & {one.person_id, one.into_person_id}]
    assert {(one.person_id, one.cause, one.into_person_id) for one in about} == {(one, "erased", "") for one in ids}
    assert min(one.n for one in about) > before[0][-1][0] and not {row[1] for row in history_of(stores)[1]} & set(
        thread.keys
    )
    others = [row for row in before[0] if not ids & {row[2], row[3]}]
    assert [row[2:6] for row in history_of(stores)[0][: len(others)]] == [row[2:6] for row in others]
    stores.close()
