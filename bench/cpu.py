"""CPU seconds of processes, those of their children included."""

from __future__ import annotations

import os
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """User and system seconds of the process `pid`, of its running descendants, and of those it has waited for.

    Read from /proc (Linux), in ticks of usually 10 ms; 0 elsewhere, and for a process that is gone.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return 0.0
    fields = text.rsplit(")", 1)[1].split()  # the name before it may hold anything
    own = sum(int(ticks) for ticks in fields[11:15]) / TICKS_PER_S
    return own + sum(cpu_s(child) for task in tasks for child in _children(task))


def _children(task: Path) -> list[int]:
    try:
        return [int(child) for child in (task / "children").read_text().split()]
    except OSError:
        return []
