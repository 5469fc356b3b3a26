"""Which rules are in force: what is torn, emptied or broken never changes who is whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from ariane import identity
from ariane.errors import InputError
from ariane.identity import inforce


def limit(workspace: Path) -> int | None:
    return identity.rules_of(workspace).kinds["email"].limit


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace whose rules were read once; files count as settled at once."""
    monkeypatch.setattr(inforce, "SETTLED_S", 0.0)
    write(tmp_path, 3)
    assert limit(tmp_path) == 3
    return tmp_path


def write(workspace: Path, n: int) -> None:
    (workspace / "identity.toml").write_text(f"[kinds.email]\nlimit = {n}\n")


def test_a_change_counts_once_it_has_stood_still(workspace: Path) -> None:
    write(workspace, 44)
    assert [limit(workspace), limit(workspace)] == [3, 44]


def test_a_file_being_written_changes_nothing(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inforce, "SETTLED_S", 3600.0)
    for text in ("", "[kinds.email]\n", "[kinds.email]\nlimit = 44"):
        (workspace / "identity.toml").write_text(text)
        assert [limit(workspace), limit(workspace)] == [3, 3]


@pytest.mark.parametrize("text", ["", "[kinds.email]\nlimit = ", "[kinds.email]\nlimit = 'two'\n"])
def test_what_cannot_be_used_leaves_the_last_good_rules(
    workspace: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / "identity.toml").write_text(text)
    assert [limit(workspace) for _ in range(4)] == [3] * 4
    assert capsys.readouterr().err.count("The last good rules stay in force.") == (1 if text else 0)


def test_without_any_good_rules_nothing_is_tied(tmp_path: Path) -> None:
    (tmp_path / "identity.toml").write_text("limit =")
    with pytest.raises(InputError, match=r"identity\.toml: Not valid TOML"):
        identity.rules_of(tmp_path)


def test_who_removes_the_file_wants_what_is_shipped(workspace: Path) -> None:
    (workspace / "identity.toml").unlink()
    assert limit(workspace) == 5
