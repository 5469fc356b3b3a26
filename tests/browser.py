"""Find a Chromium, or fetch one: `python -m tests.browser`. Without any, the tests that need one are skipped."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DOWNLOADED = (
    ".cache/ms-playwright/chromium-*/chrome-linux*/chrome",
    "Library/Caches/ms-playwright/chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
)
"""Where Playwright keeps what it downloads, under the home folder."""


@cache
def find() -> str | None:
    """The path of a Chromium: the one named by ARIANE_CHROMIUM, one on PATH, or the newest Playwright downloaded."""
    named = os.environ.get("ARIANE_CHROMIUM")
    if named:
        return shutil.which(named)
    return next(_candidates(), None)


def _candidates() -> Iterator[str]:
    for name in NAMES:
        if path := shutil.which(name):
            yield path
    for pattern in DOWNLOADED:
        for file in sorted(Path.home().glob(pattern), reverse=True):
            # A download may lack the libraries of a desktop.
            if _runs([str(file), "--version"], seconds=20):
                yield str(file)


def _runs(command: list[str], *, seconds: int) -> bool:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def fetch() -> str | None:
    """A Chromium, downloaded by Playwright or, as root on Debian, installed from the distribution."""
    if find() or os.environ.get("ARIANE_CHROMIUM"):
        return find()  # somebody chose: not ours to fetch another
    print("No Chromium here: asking Playwright for one ...", file=sys.stderr)
    _runs([sys.executable, "-m", "playwright", "install", "chromium"], seconds=300)
    find.cache_clear()
    if not find() and os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing the distribution's Chromium ...", file=sys.stderr)
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        _runs(["apt-get", "update", "-q"], seconds=300)
        _runs(["apt-get", "install", "-q", "-y", "--no-install-recommends", "chromium"], seconds=600)
        find.cache_clear()
    return find()


if __name__ == "__main__" and not fetch():
    print("No Chromium could be had: the tests of the screens will not run.", file=sys.stderr)
