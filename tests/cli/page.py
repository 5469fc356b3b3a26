"""The page of the command line: its helps and its examples, run on a small shop that is always the same.

`python -m tests.cli.page` writes into docs/cli.md what the commands say now; the test asks whether it still does.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from click.testing import CliRunner

from ariane import settings
from ariane.cli.main import ariane
from ariane.ingest.sources import sample_of
from ariane.workspace import Workspace
from tests.api.conftest import DAY, DAY_ZERO, JOURNEY, MINUTE, N_BUYERS, take_in, written
from tests.machine import REPOSITORY

PAGE = REPOSITORY / "docs" / "cli.md"
SHOP = "shop"
_HELP = re.compile(r"```text\n(Usage: ariane (\S+) .*?)```", re.DOTALL)
_RUN = re.compile(r"```console\n(\$ ariane (.*?)\n)(.*?)```", re.DOTALL)
VOLATILE = (
    (re.compile(r"wk_[\w-]+"), "wk_…"),
    (re.compile(r"\d+(?:\.\d+)? (?:s|ms)\b"), "… s"),
    (re.compile(r"^(. (?:python|libraries|disk|disk writes|memory)): .*$", re.MULTILINE), r"\1: …"),
    (re.compile(r"\b20(?:2[6-9]|[3-9]\d)-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z"), "…Z"),
    (re.compile(r"^20\d\d-\d\d-\d\d(?=  (?:merged|moved|split|erased) )", re.MULTILINE), "…"),
)
"""What differs from run to run, and how the page writes it: `…` stands for anything on a line."""


@contextmanager
def shop() -> Iterator[Path]:
    """A folder to be in, with a workspace `shop` and a file of till receipts."""
    with TemporaryDirectory(prefix="ariane-page-") as held:
        folder, before = Path(held), Path.cwd()
        settings.create(folder / SHOP, name="Maison Dédale")
        (folder / SHOP / "journey.toml").write_text(JOURNEY, encoding="utf-8")
        (folder / "till.csv").write_text(sample_of("till"), encoding="utf-8")
        with Workspace(folder / SHOP) as workspace:
            take_in(workspace, list(_lived()))
        os.chdir(folder)
        try:
            yield folder
        finally:
            os.chdir(before)


def _lived() -> Iterator[bytes]:
    """Fourteen buyers who look on the web, come back in the app, pay, and say what they think of it."""
    nth = 0
    for n in range(N_BUYERS):
        user, start = f"buyer-{n}", DAY_ZERO + n * DAY
        told = {"survey_id": "after", "question": "nps", "score": (9, 10, 7, 3)[n % 4], "kind": "relational"}
        for name, minutes, fields in (
            ("", -1, {"user": user, "cookie": f"c-{n}", "type": "identify", "email": f"{user}@example.org"}),
            ("Product Viewed", 0, {"cookie": f"c-{n}", "product_id": "lamp"}),
            ("Product Viewed", 9, {"user": user, "channel": "app", "product_id": "lamp"}),
            ("Order Completed", 30, {"user": user, "order_id": f"o-{n}", "revenue": 40 + n, "currency": "EUR"}),
            ("Survey Answered", 90, {"user": user, "channel": "email", **told}),
        ):
            nth += 1
            yield written(nth, name, start + minutes * MINUTE, **fields)


def help_of(command: str) -> str:
    """What `ariane COMMAND --help` says."""
    return CliRunner().invoke(ariane, [command, "--help"], prog_name="ariane", terminal_width=100).output


def output_of(words: str, folder: Path) -> str:
    """What a command says, with what differs from run to run left open."""
    environment = {"ARIANE_WORKSPACE": str(folder / SHOP), "COLUMNS": "100", "TZ": "UTC"}
    ran = CliRunner().invoke(ariane, shlex.split(words), prog_name="ariane", env=environment)
    assert ran.exit_code == 0, f"ariane {words}: {ran.output}{ran.exception or ''}"
    said = ran.stdout.replace(str(folder / SHOP), SHOP).replace(str(folder), ".")
    for pattern, instead in VOLATILE:
        said = pattern.sub(instead, said)
    return "\n".join(line.rstrip() for line in said.strip("\n").splitlines()) + "\n"


def helps(page: str) -> dict[str, str]:
    """The help the page gives of each command."""
    return {found[2]: found[1] for found in _HELP.finditer(page)}


def examples(page: str) -> list[tuple[str, str]]:
    """The commands the page runs, in order, and what it says they answer."""
    return [(found[2], found[3]) for found in _RUN.finditer(page)]


def agree(written_down: str, said: str) -> bool:
    """Whether an answer is the one on the page, where `…` may be anything on its line.

    >>> agree("12 events; read in … s.", "12 events; read in 0.3 s."), agree("12 events", "13 events")
    (True, False)
    """
    return re.fullmatch(r"[^\n]*".join(map(re.escape, written_down.split("…"))), said) is not None


def write() -> None:
    """Write into the page what the commands say now."""
    page = PAGE.read_text(encoding="utf-8")
    page = _HELP.sub(lambda found: f"```text\n{help_of(found[2])}```", page)
    with shop() as folder:
        page = _RUN.sub(lambda found: f"```console\n{found[1]}{output_of(found[2], folder)}```", page)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(write())
