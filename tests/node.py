"""Node.js and the official JavaScript clients: `python -m tests.node` installs them once, from their lock.

Without Node.js, or a registry to fetch from, the tests that drive them are skipped.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

LISTED = Path(__file__).resolve().parent / "clients"
FOLDER = Path(__file__).resolve().parent.parent / ".cache" / "clients"


@cache
def find() -> str | None:
    """The path of Node.js."""
    return shutil.which("node")


def modules() -> Path | None:
    """The folder of the installed clients, if those of the lock are there."""
    stamp = FOLDER / "installed"
    return FOLDER / "node_modules" if stamp.exists() and stamp.read_text() == _wanted() else None


def fetch() -> Path | None:
    """Install the clients named in the lock, each checked against its hash; no script of theirs is run."""
    if modules() is not None or find() is None or shutil.which("npm") is None:
        return modules()
    print("Installing the official JavaScript clients (once) ...", file=sys.stderr)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, as_npm_calls_it in (("package.json", "package.json"), ("lock.json", "package-lock.json")):
        shutil.copy(LISTED / name, FOLDER / as_npm_calls_it)
    command = [
        "npm",
        "install",
        "--ignore-scripts",
        "--omit=optional",
        "--no-audit",
        "--no-fund",
        "--no-update-notifier",
    ]
    try:
        done = subprocess.run(command, cwd=FOLDER, stdin=subprocess.DEVNULL, capture_output=True, timeout=600)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode == 0:
        (FOLDER / "installed").write_text(_wanted())
    return modules()


def _wanted() -> str:
    return hashlib.sha256((LISTED / "lock.json").read_bytes()).hexdigest()


if __name__ == "__main__" and not fetch():
    why = "npm could not install them" if find() and shutil.which("npm") else "Node.js or npm is not here"
    print(f"No JavaScript clients ({why}): the tests that drive them will not run.", file=sys.stderr)
    sys.exit(0 if not os.environ.get("CI") else 1)
