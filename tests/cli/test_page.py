"""docs/cli.md says what the commands say: every help, and every example run again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ariane.cli.main import COMMANDS
from tests.cli import page

TEXT = page.PAGE.read_text(encoding="utf-8")
NEEDS_MORE = {"demo", "serve", "bridge"}
"""Commands that go on until they are stopped, or take a while: their lines on the page are not run here."""

AGAIN = "Run 'python -m tests.cli.page' to write what it says now."


def test_every_command_has_its_help_and_an_example() -> None:
    assert list(page.helps(TEXT)) == list(COMMANDS)
    shown = {words.split()[0] for words, _ in page.examples(TEXT)}
    assert shown == set(COMMANDS) - NEEDS_MORE
    assert all(f"\nariane {command}" in TEXT for command in NEEDS_MORE)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_is_the_command_s_own(command: str) -> None:
    assert page.helps(TEXT)[command] == page.help_of(command), AGAIN


@pytest.fixture(scope="module")
def answers() -> Iterator[dict[str, str]]:
    """What every example says, run in the order of the page."""
    with page.shop() as folder:
        yield {words: page.output_of(words, folder) for words, _ in page.examples(TEXT)}


@pytest.mark.parametrize(("words", "written"), page.examples(TEXT))
def test_an_example_says_what_it_said(answers: dict[str, str], words: str, written: str) -> None:
    assert page.agree(written, answers[words]), f"{answers[words]}\n{AGAIN}"


def test_nothing_is_left_where_one_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with page.shop() as folder:
        assert Path.cwd() == folder.resolve()
    assert Path.cwd() == tmp_path and not folder.exists()
