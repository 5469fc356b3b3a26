"""Types, style and formatting, by the same commands as `make lint`."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.machine import REPOSITORY


@pytest.mark.parametrize("command", ["ruff check", "ruff format --check", "mypy"])
def test_lint(command: str) -> None:
    tool, *rest = command.split()
    targets = [] if tool == "mypy" else ["."]
    done = subprocess.run(
        [sys.executable, "-m", tool, *rest, *targets], cwd=REPOSITORY, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
