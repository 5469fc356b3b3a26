"""What a mapping may say beside columns: lists inside, rows together, conditions, translations, sums, durations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ariane.errors import InputError
from ariane.ingest.applying import Applied, Row, opened
from ariane.ingest.finding import Unreadable
from ariane.ingest.importers import dry_run, mapping_text, read_mapping
from ariane.ingest.mapping import parse_mapping

HEAD = '[[events]]\nname = "Seen"\ntimestamp = { column = "at" }\n'


def made(text: str, **values: Any) -> list[Any]:
    values.setdefault("at", "2026-01-01T00:00:00Z")
    return Applied(parse_mapping(text)).records(Row(1, values, msgspec.json.encode(values)), "s", 0).records


def properties(line: str, **values: Any) -> dict[str, Any]:
    [record] = made(f"{HEAD}[events.properties]\n{line}\n", **values)
    return dict(record.properties)


@pytest.mark.parametrize(
    ("line", "values", "found"),
    [
        ('p = "a.b"', {"a": {"b": 1}}, {"p": 1}),
        ('p = "a.1.b"', {"a": [{"b": 1}, {"b": 2}]}, {"p": 2}),
        ('p = "a.2.b"', {"a": [{"b": 1}, {"b": 2}]}, {}),
        ('p = "a.b"', {"a.b": 3, "a": {"b": 1}}, {"p": 3}),
        ('p = ["x", "y"]', {"x": "", "y": "z"}, {"p": "z"}),
        ('p = ["x", "y"]', {}, {}),
        ('p = "{x}:{a.b}"', {"x": "n", "a": {"b": 7}}, {"p": "n:7"}),
        ('p = "{x}:{y}"', {"x": "n"}, {}),
        ('p = { column = "x", values = { yes = 1, "" = 0 } }', {"x": "yes"}, {"p": 1}),
        ('p = { column = "x", values = { yes = 1, "" = 0 } }', {}, {"p": 0}),
        ('p = { column = "x", values = { yes = 1 }, type = "number" }', {"x": "2.5"}, {"p": 2.5}),
        ('p = { column = "x", values = { yes = 1, "*" = 9 } }', {"x": "perhaps"}, {"p": 9}),
        ('p = { column = "x", values = { true = "on", 1 = "one" } }', {"x": True}, {"p": "on"}),
        ('p = { column = "x", values = { true = "on", 1 = "one" } }', {"x": 1}, {"p": "one"}),
        ('p = { column = "to", since = "at" }', {"to": "2026-01-01T00:01:30Z"}, {"p": 90.0}),
        ('p = { column = "to", since = "at", unit = "days" }', {"to": "2026-01-03T12:00:00Z"}, {"p": 2.5}),
        ('p = { column = "to", since = "at" }', {"to": "2025-12-31T23:59:00Z"}, {"p": -60.0}),
        ('p = { column = "to", since = "at" }', {"to": ""}, {}),
        ('p = { column = "l", sum = "n" }', {"l": [{"n": "0.10"}, {"n": 0.2}, {}, {"n": ""}]}, {"p": 0.3}),
        ('p = { column = "l", sum = "n" }', {"l": []}, {"p": 0.0}),
        ('p = { column = "l", each = { a = "x", b = { column = "y.z", type = "integer" } } }',
         {"l": [{"x": 1, "w": 2}, {"y": {"z": "3"}}, "odd"]}, {"p": [{"a": 1}, {"b": 3}]}),
        ('p = { column = "l", each = { a = "x" } }', {"l": {"x": 1}}, {"p": [{"a": 1}]}),
    ],
)  # fmt: skip
def test_what_a_property_says(line: str, values: dict[str, Any], found: dict[str, Any]) -> None:
    assert properties(line, **values) == found


@pytest.mark.parametrize(
    ("line", "values", "field", "problem"),
    [
        ('p = { column = "l", sum = "n" }', {"l": [{"n": "free"}]}, "l.n", "'free' is not a value of type number"),
        (
            'p = { column = "l", each = { b = { column = "y", type = "integer" } } }',
            {"l": [{"y": "1.5"}]},
            "y",
            "'1.5'",
        ),
        ('p = { column = "to", since = "at" }', {"to": "soon"}, "to", "'soon' is not an instant (iso)"),
        ('p = { column = "x", type = "instant" }', {"x": []}, "x", "'[]' is not a value of type instant"),
    ],
)
def test_what_cannot_be_read_is_named(line: str, values: dict[str, Any], field: str, problem: str) -> None:
    with pytest.raises(Unreadable) as caught:
        properties(line, **values)
    assert caught.value.field == field and problem in caught.value.problem


@pytest.mark.parametrize(
    ("when", "values", "holds"),
    [
        ('{ x = "a" }', {"x": "a"}, True),
        ('{ x = "a" }', {"x": " a "}, True),
        ('{ x = ["a", "b"], y = "*" }', {"x": "b", "y": 0}, True),
        ('{ x = ["a", "b"], y = "*" }', {"x": "b", "y": ""}, False),
        ('{ x = "" }', {}, True),
        ('{ x = "" }', {"x": "  "}, True),
        ('{ x = "" }', {"x": "a"}, False),
        ("{ x = true }", {"x": True}, True),
        ("{ x = true }", {"x": "true"}, True),
        ("{ x = [false, ''] }", {}, True),
        ("{ x = 3 }", {"x": 3}, True),
        ("{ x = 3 }", {"x": "3"}, True),
        ('{ "x.y" = "*" }', {"x": {"y": [1]}}, True),
        ('{ "x.y" = "*" }', {"x": {"y": None}}, False),
    ],
)
def test_when_an_event_holds(when: str, values: dict[str, Any], holds: bool) -> None:
    text = f"{HEAD}when = {when}\n"
    assert bool(made(text, **values)) == holds
    row = Row(1, {"at": "2026-01-01", **values}, b"")
    assert Applied(parse_mapping(text)).records(row, "s", 0).unfit == ("" if holds else "no event of the mapping fits")


def test_an_event_may_have_properties_of_all_its_own_and_other_names() -> None:
    text = (
        'identifiers = { email = "mail" }\n[properties]\na = "x"\nb = "x"\n'
        + HEAD
        + 'properties = { b = { value = "own" } }\n'
        + '[[events]]\nname = { column = "kind", values = { sale = "Sold", "" = "Unsaid" } }\n'
        + 'timestamp = "received"\nidentifiers = { phone = "tel" }\n'
    )
    first, second = made(text, x=1, mail="a@b.org", tel="0612345678", kind="sale")
    assert first.properties == {"a": 1, "b": "own"} and second.properties == {"a": 1, "b": 1}
    assert first.context["externalIds"] == [{"id": "a@b.org", "type": "email"}]
    assert second.context["externalIds"] == [{"id": "0612345678", "type": "phone"}]
    assert (second.event, second.timestamp) == ("Sold", None)
    assert made(text)[1].event == "Unsaid" and len(made(text, kind="gift")) == 1


def test_a_channel_is_translated_and_others_stay() -> None:
    text = 'channel = { column = "by", values = { tel = "call_centre", "" = "web" } }\n' + HEAD
    assert [made(text, **values)[0].context["channel"] for values in ({"by": "tel"}, {}, {"by": "fax"})] == [
        "call_centre", "web", "fax",
    ]  # fmt: skip


def test_context_may_be_typed_constant_or_put_together() -> None:
    text = '[context]\n"campaign.medium" = { value = "email" }\n"consent.categoryPreferences.ads" = '
    text += '{ column = "ok", type = "boolean" }\n"page.path" = "/{a}/{b}"\n' + HEAD
    [record] = made(text, ok="no", a="x", b="y")
    assert record.context == {
        "channel": "web", "campaign": {"medium": "email"}, "page": {"path": "/x/y"},
        "consent": {"categoryPreferences": {"ads": False}},
    }  # fmt: skip


def test_lists_inside_become_rows_with_what_is_around_them() -> None:
    document = {"id": 1, "a": [{"b": {"c": [{"v": 1}, {"v": 2}]}, "n": "x"}, {"n": "y"}, {"b": {"c": ["w"]}, "n": "z"}]}
    rows = list(opened(Row(4, document, b"d"), "a.b.c"))
    assert [(row.values.get("v", row.values.get("value")), row.values["above"]["n"]) for row in rows] == [
        (1, "x"), (2, "x"), ("w", "z"),
    ]  # fmt: skip
    assert rows[0].values["above"]["above"]["id"] == 1 and len({row.content for row in rows}) == 3
    [single] = opened(Row(1, {"data": {"v": 5}, "k": 6}, b""), "data")
    assert (single.values["v"], single.values["above"]["k"]) == (5, 6)
    assert list(opened(Row(1, {"a": None}, b""), "a")) == [] == list(opened(Row(1, {}, b""), "a.b"))


def mapped(folder: Path, text: str) -> Any:
    (folder / "m.toml").write_text(text)
    return read_mapping(folder / "m.toml")


def test_rows_that_belong_together_are_one(tmp_path: Path) -> None:
    text = 'group = ["no"]\nmessage_id = ["no"]\n' + HEAD + '[events.properties]\nn = { column = "rows", sum = "n" }\n'
    file = tmp_path / "lines.csv"
    file.write_text("no,at,n\n1,2026-01-01,1\n1,2026-01-01,2\n2,2026-01-02,5\n1,2026-01-01,9\n")
    report = dry_run("csv", file, mapping=mapped(tmp_path, text))
    assert [sample.properties["n"] for sample in report.samples] == [3.0, 5.0]
    assert (report.n_rows, report.n_duplicates) == (4, 1)  # apart from its own, a group's rows are a repeat
    file.write_text("no,at,n\n" + "1,2026-01-01,1\n" * 10_001 + "2,2026-01-02,5\n")
    report = dry_run("csv", file, mapping=mapped(tmp_path, text))
    assert report.n_events == 1 and report.bad_rows[0].problem == "more than 10,000 rows belong together"


def test_one_of_several_columns_is_enough(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("at,mail\n2026-01-01,a@b.org\n")
    text = 'identifiers = { email = ["e-mail", "mail"] }\n' + HEAD
    assert dry_run("csv", file, mapping=mapped(tmp_path, text)).n_events == 1
    for wrong in (text.replace('"mail"]', '"male"]'), text.replace('["e-mail", "mail"]', '"{mail}:{n}"')):
        with pytest.raises(InputError, match=r"identifiers\.email: there is no column"):
            dry_run("csv", file, mapping=mapped(tmp_path, wrong))


GOOD = """free_texts = ["note"]
[signature]
header = "x-signed"
[[events]]
name = "Seen"
timestamp = { column = "at" }
identifiers = { email = "mail" }
[events.properties]
note = "text"
wait = { column = "to", since = "at", unit = "hours" }
all = { column = "lines", each = { a = { column = "b", type = "text" } } }
"""


@pytest.mark.parametrize(
    ("old", "new", "where", "says"),
    [
        ('["note"]', '["nota"]', "m.toml:1", "no event has a property 'nota': did you mean 'note'?"),
        ('header = "x-signed"', "", "m.toml:2", "give the header or the column it stands in"),
        ('header = "x-signed"', 'heder = "x-signed"', "m.toml:3", "unknown field 'heder': did you mean 'header'?"),
        ("email =", "emial =", "m.toml:7", "unknown identifier kind 'emial': did you mean 'email'?"),
        (
            'unit = "hours"',
            'unit = "hour"',
            "m.toml:10",
            "did you mean 'hours'? Allowed: seconds, minutes, hours, days",
        ),
        ('unit = "hours"', 'sum = "n"', "m.toml:10", "a property is one of these"),
        ('column = "b", ', "", "m.toml:11", "give a column or a value"),
        ('{ column = "at" }', '"recieved"', "m.toml:6", "recieved"),
        ("free_texts", 'group = ["a"]\nformat = "ndjson"\nfree_texts', "m.toml:1", "only the rows of a CSV file"),
    ],
)
def test_a_mistake_is_answered_with_its_place(old: str, new: str, where: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(InputError) as caught:
        parse_mapping(GOOD.replace(old, new, 1), "m.toml")
    assert str(caught.value).startswith(f"{where}: ") and says in str(caught.value)


def test_all_of_it_is_written_back_as_it_was_read() -> None:
    mapping = parse_mapping(GOOD)
    assert parse_mapping(mapping_text(mapping)) == mapping


inside = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from("abc"), inside), st.sampled_from(["a", "a.b", "a.b.c", "a.0.b"]))
def test_whatever_a_document_holds_its_rows_can_be_asked(document: dict[str, Any], path: str) -> None:
    text = HEAD.replace('{ column = "at" }', '"received"') + (
        '[events.properties]\nx = { column = "b", each = { c = "c" } }\ny = "{a}-{above.a}"\nz = ["b.0", "value"]\n'
    )
    applied = Applied(parse_mapping(text))
    for row in [Row(1, document, b""), *opened(Row(1, document, b""), path)]:
        [record] = applied.records(row, "s", 0).records
        assert record.message_id
