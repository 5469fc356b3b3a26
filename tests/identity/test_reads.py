"""Finding, showing, listing and explaining persons, each through a permit."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from ariane import consent, identity
from ariane.errors import ConsentError, InputError, NotFound
from ariane.identity.rules import _default_table, read_rules
from ariane.identity.steering import merge_event, resolve_all, retract_event, split_event, what_would_leave
from ariane.identity.stored import edges
from ariane.identity.threads import words
from ariane.store import schema_of
from identity.town import SERVICE, Town, command, event, ident, town

NINA = {"actor": "nina", "at": "2026-01-01T00:00:00Z"}
MARKETING = consent.permit("marketing", actor="test")
MEASUREMENT = consent.permit("measurement", actor="test")


@pytest.fixture
def ana() -> Town:
    yes = {"consent": {"categoryPreferences": {"marketing": True, "measurement": False}}}
    return town(
        event(1, cookie="c1", device="d1"),
        event(2, cookie="c1", context=yes),
        event(3, type="identify", cookie="c1", user_id="ana", email="ana@example.org"),
        event(4, channel="store", loyalty_card="FID42", email="ana@example.org"),
        event(5, cookie="other_100%"),
    )


def test_a_person_is_found_by_any_identifier_its_beginning_or_a_part(ana):
    with ana.read() as conn:
        asked = ("ana@example.org", " ANA@Example.org", "ana", "ple.or", "email:ana@", "fid 42", "loyalty_card:FID42")
        ids = {one.person_id for text in asked for one in identity.find(conn, SERVICE, text)[:1]}
        assert ids == {identity.person(conn, SERVICE, "cookie:c1").person_id}
        assert identity.find(conn, SERVICE, ids.pop().lower())[0].n_events == 4
        assert [str(one.by) for one in identity.find(conn, SERVICE, "r_100%")] == ["cookie:other_100%"]
        for nothing in ("%", "_x", "nobody", "", "' OR 1=1 --", "P-NOBODY"):
            found = identity.find(conn, SERVICE, nothing)
            assert {str(one.by) for one in found} <= {"cookie:other_100%"}


def test_whoever_is_typed_whole_or_from_the_beginning_is_found_without_reading_everybody(ana):
    asked = []
    with ana.read() as conn:
        sa.event.listen(conn, "before_cursor_execute", lambda *told: asked.append(told[2:4]))
        identity.find(conn, SERVICE, "cookie_nobody_has")
        plans = [
            [row[3] for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", tuple(values))]
            for text, values in list(asked)
            if "FROM identifiers" in text and "EXPLAIN" not in text
        ]
    ways = [next(line for line in plan if "identifiers" in line) for plan in plans]
    assert ["ix_identifiers_typed" in way for way in ways] == [False, True, True, False]
    assert ways[0].startswith("SEARCH") and ways[-1].startswith("SCAN"), ways  # by the key; what contains it, last


def test_a_persons_page_holds_identifiers_evidence_and_counts(ana):
    with ana.read() as conn:
        thread = identity.person(conn, SERVICE, "cookie:c1")
        assert [str(held) for held in thread.identifiers] == [
            "user_id:ana", "loyalty_card:FID42", "email:ana@example.org", "cookie:c1", "device:d1",
        ]  # fmt: skip
        assert thread.channels == {"store": 1, "web": 3} and thread.n_events == 4
        assert {tie.rule for tie in thread.edges} == {"weak", "login", "observed"}
        with pytest.raises(NotFound):
            identity.person(conn, SERVICE, "cookie:nobody")
        with pytest.raises(NotFound):
            identity.person(conn, SERVICE, "P-000000000000")


def test_a_read_shows_only_who_the_purpose_may_read(ana):
    with ana.read() as conn:
        everyone = identity.people(conn, SERVICE)
        assert (everyone.total, everyone.n_held_back) == (2, 0)
        for permit in (MARKETING, MEASUREMENT):
            some = identity.people(conn, permit)
            assert (some.total, some.n_held_back) == (1, 1)
        assert identity.find(conn, MARKETING, "ana") and not identity.find(conn, MEASUREMENT, "ana")
        assert identity.find(conn, MARKETING, "ana")[0].person_id == identity.people(conn, MARKETING).rows[0].person_id
        with pytest.raises(ConsentError, match="may not be read for measurement"):
            identity.person(conn, MEASUREMENT, "user_id:ana")
        with pytest.raises(ConsentError):
            identity.explain(conn, MEASUREMENT, ident("cookie:c1"), ident("user_id:ana"))
        with pytest.raises(ConsentError):
            what_would_leave(conn, MEASUREMENT, ident("cookie:c1"), ident("user_id:ana"))
        for read in (identity.people, lambda conn, permit: identity.find(conn, permit, "ana"),
                     lambda conn, permit: identity.person(conn, permit, "user_id:ana")):  # fmt: skip
            with pytest.raises(ConsentError, match="No permit"):
                read(conn, None)


def test_people_are_listed_in_an_order_and_by_pages():
    t = town(*[event(n + k, cookie=f"c{n}") for n in range(1, 8) for k in range(n)])
    with t.read() as conn:
        listed = [str(one.by) for one in identity.people(conn, SERVICE, order="n_events", limit=3, offset=1).rows]
        assert listed == ["cookie:c6", "cookie:c5", "cookie:c4"]
        assert identity.people(conn, SERVICE, kind="user_id").total == 0
        assert identity.people(conn, SERVICE, seen_since_us=13_000_000).total == 1
        with pytest.raises(InputError, match="last_seen"):
            identity.people(conn, SERVICE, order="beauty")


def test_an_explanation_walks_the_evidence_in_words(ana):
    with ana.read() as conn:
        why = identity.explain(conn, SERVICE, ident("device:d1"), ident("loyalty_card:FID42"))
        assert why.same and [tie.rule for tie in why.path] == ["weak", "login", "login", "observed"]
        assert words(why)[-1] == (
            "e-mail ana@example.org and loyalty card FID42: named together by an event, "
            "once since 1970-01-01 (source web)."
        )
        assert len(words(why, "fr")) == 4 and "carte de fidélité FID42" in words(why, "fr")[-1]
        with pytest.raises(InputError):
            words(why, "xx")
        itself = identity.explain(conn, SERVICE, ident("device:d1"), ident("device:d1"))
        assert itself.path == () and words(itself) == ("device d1: a single identifier.",)
        with pytest.raises(NotFound):
            identity.explain(conn, SERVICE, ident("device:d1"), ident("device:none"))


def test_numbers_are_looked_up_as_the_workspace_writes_them() -> None:
    german = read_rules("country = 'DE'", "t", base=_default_table())
    t = Town(german)
    t.absorb(event(1, user_id="ana", phone="030 123456"))
    ana = t.person_of("user_id:ana")
    with t.read() as conn:
        for asked, rules in (("phone:030 123456", german), ("phone:+49 30 123456", None)):
            assert identity.person(conn, SERVICE, asked, rules).person_id == ana
        assert [one.by.value for one in identity.find(conn, SERVICE, "030 12 34 56", rules=german)] == ["+4930123456"]
        assert not identity.find(conn, SERVICE, "030 12 34 56")
        with pytest.raises(NotFound):
            identity.person(conn, SERVICE, "phone:030 123456")


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_why_two_are_not_one(lang):
    t = town(
        event(1, type="identify", cookie="s", user_id="ana"), event(2, type="identify", cookie="s", user_id="ben"),
        event(3, user_id="ana", cookie="a"), event(4, user_id="ben", cookie="b"),
        event(5, type="alias", cookie="b", properties={"previousId": "a"}), event(7, user_id="ana", email="a@x.org"),
        command(8, split_event(ident("user_id:ana"), ident("email:a@x.org"), **NINA)), event(9, cookie="lone"),
        event(10, user_id="dan", device="kiosk"), event(11, user_id="eve", device="kiosk", email="eve@x.org"),
    )  # fmt: skip
    pairs = {
        ("cookie:s", "user_id:ana"): "shared_a", ("user_id:ben", "cookie:s"): "shared_b",
        ("user_id:ana", "email:a@x.org"): "separated", ("user_id:ana", "user_id:ben"): "limit",
        ("user_id:ana", "cookie:lone"): "no_evidence", ("email:eve@x.org", "user_id:dan"): "shared_between",
    }  # fmt: skip
    with t.read() as conn:
        for (a, b), because in pairs.items():
            why = identity.explain(conn, SERVICE, ident(a), ident(b))
            assert (why.because, why.same, why.path) == (because, False, ())
            assert len(words(why, lang)) == 1
            assert (why.between == ident("device:kiosk")) == (because == "shared_between")
        assert "kiosk" in words(identity.explain(conn, SERVICE, ident("user_id:eve"), ident("user_id:dan")), lang)[0]


def test_a_preview_says_what_would_leave_and_is_right(ana):
    with ana.read() as conn:
        preview = what_would_leave(conn, SERVICE, ident("user_id:ana"), ident("cookie:c1"))
        assert [sorted(map(str, part)) for part in preview.leaves] == [["cookie:c1", "device:d1"]]
        assert preview.n_events == 2 and len(preview.keys) == 2
    ana.absorb(command(9, retract_event(ident("user_id:ana"), ident("cookie:c1"), **NINA)))
    assert ana.together("cookie:c1", "device:d1") and not ana.together("cookie:c1", "user_id:ana")
    ana.absorb(command(10, merge_event(ident("user_id:ana"), ident("cookie:c1"), **NINA)))
    with ana.read() as conn:
        unneeded = what_would_leave(conn, SERVICE, ident("user_id:ana"), ident("cookie:c1"), rule="login")
        assert unneeded.leaves == () and unneeded.n_events == 0


def test_the_lakes_tables_have_the_lakes_columns(ana):
    with ana.read() as conn:
        made = identity.tables(conn) | consent.tables(conn)
        empty = Town()
    for name, table in made.items():
        assert table.schema.equals(schema_of(name)) and table.num_rows
    with empty.read() as conn:
        for name, table in (identity.tables(conn) | consent.tables(conn)).items():
            assert table.schema.equals(schema_of(name)) and not table.num_rows


@pytest.mark.parametrize("make", [merge_event, split_event, retract_event])
def test_a_command_about_one_identifier_is_refused(make):
    with pytest.raises(InputError, match="twice"):
        make(ident("email:a@x.org"), ident("email:a@x.org"), **NINA)


@pytest.mark.needs("postgres")
def test_postgresql_holds_the_same_persons(postgres_database, request):
    """One history with everything in it, cut in three, on both stores: the same rows, the same reads."""
    history = [
        event(1, cookie="s", device="t"), event(2, type="identify", cookie="s", user_id="ana", email="ana@x.org"),
        event(3, type="identify", cookie="s", user_id="ben"), event(4, cookie="a", user_id="ana", device="t"),
        event(5, cookie="a", context={"consent": {"categoryPreferences": {"marketing": True, "analytics": False}}}),
        command(6, merge_event(ident("cookie:a"), ident("email:b@x.org"), **NINA)), event(7, email="b@x.org"),
        command(8, split_event(ident("user_id:ana"), ident("email:ana@x.org"), **NINA)),
        command(9, retract_event(ident("cookie:s"), ident("user_id:ben"), **NINA)), event(3, cookie="late", device="t"),
    ]  # fmt: skip
    stores = Town(), Town(url=postgres_database)
    request.addfinalizer(stores[1].state.close)
    for store in stores:
        store.absorb_in([history[:4], history[4:7], history[7:]])
        with store.state.begin() as conn:
            resolve_all(conn)
    lite, postgres = stores
    assert {name: sorted(map(repr, rows)) for name, rows in lite.standing().items()} == {
        name: sorted(map(repr, rows)) for name, rows in postgres.standing().items()
    }
    for store in stores:
        n_edges = len(store.rows(edges))
        with store.read() as conn:
            assert [str(one.by) for one in identity.find(conn, SERVICE, "B@x.org")] == ["email:b@x.org"]
            assert identity.people(conn, MARKETING).n_held_back == identity.people(conn, SERVICE).total - 1
            assert identity.explain(conn, SERVICE, ident("cookie:a"), ident("user_id:ana")).same
            assert identity.tables(conn)["edges"].num_rows == n_edges
