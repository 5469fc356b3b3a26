"""`ariane rules`: what is in force, what an edit would change, who applied it; and the doctor on all of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ariane import settings
from ariane.identity import inforce
from tests.cli.test_commands import Ran


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    settings.create(tmp_path / "shop")
    return tmp_path / "shop"


def verdict(shop: Path) -> tuple[str, str]:
    checks = Ran("doctor", "--json", workspace=shop).out
    return next(
        (one["verdict"], one["found"]) for one in json.loads(checks)["checks"] if one["name"] == "identity rules"
    )


def test_an_edit_is_looked_at_then_applied_by_somebody(shop: Path) -> None:
    assert Ran("rules", "--json", workspace=shop).document["number"] == 0
    assert Ran("rules", "apply", "--actor", "nina", "--json", workspace=shop).document["number"] == 1
    assert verdict(shop) == ("ok", "version 1")
    (shop / "identity.toml").write_text("[kinds.email]\nlimit = 3\npriority = 85\n", encoding="utf-8")
    assert verdict(shop) == ("warning", "version 1, 2 changes waiting")
    checked = Ran("rules", "check", "--json", workspace=shop).document
    assert checked["changes"] == [["kinds.email.limit", "5", "3"], ["kinds.email.priority", "80", "85"]]
    assert checked["difference"]["n_persons_after"] == 0 and checked["difference"]["rereads"]
    assert "ariane rebuild" in Ran("rules", "check", "--lang", "fr", workspace=shop).out
    assert Ran("rules", "apply", "--actor", "ben", "--json", workspace=shop).document == {
        "number": 2, "was": 1, "rebuild": True,
    }  # fmt: skip
    assert "Version 2 is in force already." in Ran("rules", "apply", "--actor", "ben", workspace=shop).out
    shown = Ran("rules", "--json", workspace=shop).document
    assert [one[2] for one in shown["versions"]] == ["nina", "ben"] and shown["rules"]["kinds"]["email"]["limit"] == 3


def test_what_is_broken_is_said_and_changes_nothing(shop: Path) -> None:
    for actor in ("nina", "ben"):
        (shop / "identity.toml").write_text(f"[kinds.email]\nlimit = {len(actor)}\n", encoding="utf-8")
        Ran("rules", "apply", "--actor", actor, workspace=shop)
    (shop / "identity.toml").write_text("[kinds.email]\nlimit = 'x'\n", encoding="utf-8")
    said = Ran("rules", "check", workspace=shop)
    assert said.code == 1 and "identity.toml:2: kinds.email.limit" in said.err
    assert verdict(shop)[0] == "warning"
    (shop / "rules" / "0002.toml").write_text("half", encoding="utf-8")
    assert verdict(shop)[0] == "failed"
    inforce._watched.clear()  # as in a process that starts
    assert Ran("rules", workspace=shop).code == 1 and verdict(shop)[0] == "failed"
    (shop / "identity.toml").unlink()
    assert Ran("rules", "apply", "--actor", "ben", "--json", workspace=shop).document["number"] == 3
    assert Ran("rules", "apply", workspace=shop).code == 2, "nobody is named"
    assert Ran("rules", "--json", "check", workspace=shop).code == 2
