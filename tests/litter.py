"""What a test run must not leave behind: a process it started, a file in the repository."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

TOKEN = "ARIANE_TEST_RUN"
"""An environment variable every process started by the tests inherits, also one that left its parent."""

CACHES = (".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".cache", "__pycache__")
EDITED = {".py", ".md", ".html", ".css", ".js", ".svg", ".toml", ".po", ".mo", ".txt", ".in", ".sh", ".png"}


def files(repository: Path) -> frozenset[str]:
    """Paths git does not track, ignored ones too, without the caches of the tools. None outside a git checkout."""
    command = ["git", "status", "--porcelain", "--ignored=matching", "--untracked-files=all", "-z"]
    try:
        said = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return frozenset()
    paths = (entry[3:] for entry in said.split("\0") if entry[:2] in ("??", "!!"))
    return frozenset(path for path in paths if not any(part in CACHES for part in Path(path).parts))


def new_files(before: frozenset[str], after: frozenset[str], *, strict: bool) -> list[str]:
    """What appeared. Unless `strict`, a source file is taken for the work of somebody's editor during the run.

    >>> new_files(frozenset({"a.db"}), frozenset({"a.db", "b.db", "c.py"}), strict=False)
    ['b.db']
    """
    return sorted(path for path in after - before if strict or Path(path).suffix not in EDITED)


def processes(token: str, *, patience_s: float = 5.0) -> list[tuple[int, str]]:
    """(pid, command) of processes of this run that still live after `patience_s`, on a system with /proc."""
    deadline = time.monotonic() + patience_s
    while (left := _living(token)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def _living(token: str) -> list[tuple[int, str]]:
    marked = f"{TOKEN}={token}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        pid = int(entry.name)
        try:
            of_this_run = marked in (entry / "environ").read_bytes().split(b"\0") or _parent(entry) == os.getpid()
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue  # it ended while we looked
        # An empty command line is a process that ended and waits to be collected; the tracker ends with its parent.
        if of_this_run and pid != os.getpid() and command and "resource_tracker" not in command:
            found.append((pid, command))
    return sorted(found)


def _parent(entry: Path) -> int:
    return int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])


def end(left: list[tuple[int, str]]) -> None:
    """Kill what was left, so that one failure does not spoil the next run."""
    for pid, _ in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
