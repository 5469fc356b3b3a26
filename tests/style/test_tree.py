"""What must be in no committed file: hosts of package registries, paths of one machine."""

from __future__ import annotations

import re
from pathlib import Path

from tests.machine import REPOSITORY
from tests.style.source import committed

# Written in pieces, or this file would be the first to break its rule.
HOSTS = (
    "pypi\\.or" + "g",
    "pythonhosted\\.or" + "g",
    "npmjs\\.(or" + "g|com)",
    "deb\\.debian\\.or" + "g",
    "yarnpkg\\.co" + "m",
)
OPTIONS = ("--(extra-)?index-ur" + "l", "--find-link" + "s", "--trusted-hos" + "t", '"resolved": "htt' + "p")
PATHS = ("/wor" + "k/[a-z]", "/roo" + "t/[a-z.]", "/hom" + "e/[a-z]+/", "/User" + "s/[a-z]+/")
TEXT = {
    ".py",
    ".md",
    ".toml",
    ".txt",
    ".in",
    ".sh",
    ".html",
    ".css",
    ".js",
    ".json",
    ".po",
    ".svg",
    ".yml",
    ".yaml",
    "",
}


def _lines(pattern: str) -> list[str]:
    found, sought = [], re.compile(pattern)
    for path in committed():
        if path.suffix in TEXT and "vendor" not in path.parts:
            for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
                if sought.search(line):
                    found.append(f"{path.relative_to(REPOSITORY)}:{number}: {line.strip()[:120]}")
    return found


def test_no_file_names_a_package_registry() -> None:
    assert _lines("|".join((*HOSTS, *OPTIONS))) == []


def test_no_file_holds_a_path_of_one_machine() -> None:
    assert _lines("|".join(PATHS)) == []


def test_no_lock_of_a_tool_that_writes_hosts() -> None:
    assert not [
        path for path in committed() if path.name in ("uv.lock", "poetry.lock", "package-lock.json", "yarn.lock")
    ]


def _pins(name: str) -> dict[str, str]:
    text = (REPOSITORY / "requirements" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


def test_the_locks_agree_and_every_package_is_hashed() -> None:
    everything = _pins("dev.txt")
    for name in ("run.txt", "build.txt"):
        assert _pins(name).items() <= everything.items(), name
    for name in ("run.txt", "build.txt", "dev.txt"):
        text = (REPOSITORY / "requirements" / name).read_text(encoding="utf-8")
        blocks = re.split(r"^(?=[a-z0-9-]+==)", text, flags=re.MULTILINE)[1:]
        assert all("--hash=sha256:" in block for block in blocks), name


def test_what_others_shipped_is_whole() -> None:
    """A lock made from the files of one machine would list one wheel of these."""
    text = (REPOSITORY / "requirements" / "run.txt").read_text(encoding="utf-8")
    for name in ("pyarrow", "duckdb", "numpy", "msgspec"):
        block = re.search(rf"^{name}==.*?(?=^[a-z0-9-]+==|\Z)", text, re.MULTILINE | re.DOTALL)
        assert block is not None and block[0].count("--hash") > 10, name


def test_scripts_are_where_they_are_called() -> None:
    assert Path(REPOSITORY, ".ci", "run").stat().st_mode & 0o111
