"""The kinds of source from the command line: listed, copied, changed, imported, and a touchpoint typed in."""

from __future__ import annotations

from pathlib import Path

from tests.cli.test_commands import Ran


def test_a_kind_is_listed_copied_changed_and_imported(tmp_path: Path) -> None:
    home = tmp_path / "shop"
    assert Ran("init", str(home)).code == 0
    listed = {one["key"]: one for one in Ran("sources", "--json", workspace=home).document}
    assert listed["till"]["events"] == ["Order Completed", "Order Refunded"] and not listed["till"]["own"]
    mapping = Ran("sources", "till", workspace=home).out
    (home / "sources").mkdir()
    (home / "sources" / "till.toml").write_text(mapping.replace('value = "EUR"', 'value = "CHF"'))
    (home / "sources" / "kiosk.toml").write_text(mapping.replace('channel = "store"', 'channel = "kiosk"'))
    file = tmp_path / "receipts.csv"
    file.write_text(Ran("sources", "till", "--sample").out)
    rehearsed = Ran("import", "kiosk", str(file), "--dry-run", "--json", workspace=home).document["report"]
    assert {sample["channel"] for sample in rehearsed["samples"]} == {"kiosk"} and rehearsed["basis"] == "service"
    first = Ran("import", "till", str(file), "--source", "shop", "--json", workspace=home).document
    assert (first["added"], first["report"]["source"]) == (4, "shop")
    refused = Ran("import", "till", str(file), "--source", "_ariane", workspace=home)
    assert refused.code == 1 and "cannot name a source" in refused.err


def test_a_touchpoint_is_typed_in_once(tmp_path: Path) -> None:
    home = tmp_path / "shop"
    Ran("init", str(home))
    words = ("friend", "--who", "email:ana@example.org", "--at", "2026-01-01", "--comment", "Léa has one", "--json")
    assert Ran("note", *words, workspace=home).document == {"added": 1}
    assert Ran("note", *words, workspace=home).document == {"added": 0}
    person = Ran("person", "email:ana@example.org", workspace=home)
    assert "Friend Mentioned" in person.out and "word_of_mouth" in person.out
    odd = Ran("note", "dream", "--who", "email:ana@example.org", "--at", "2026-01-01", workspace=home)
    assert odd.code == 1 and "'dream' is no touchpoint. Allowed: friend" in odd.err
    assert Ran("note", "friend", "--who", "cookie:c", "--at", "2026-01-01", workspace=home).code == 2
    assert Ran("note", "friend", "--who", "email:a@b.org", "--at", "soon", workspace=home).code == 1


def test_an_unknown_kind_is_answered_with_those_there_are() -> None:
    asked = Ran("sources", "tilll")
    assert asked.code == 1 and "did you mean 'till'" in asked.err
