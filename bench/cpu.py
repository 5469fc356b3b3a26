"""CPU seconds of processes, those of their children included."""

from __future__ import annotations

import os
import time
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """User and system seconds of the process `pid`, of its running descendants, and of those it has waited for.

    A running process by its own clock (Linux: clock_getcpuclockid(3)), in nanoseconds. Ticks of /proc would not do: who
    sleeps by a timer between two of them may be seen at a half of its work. 0 for a process that is gone.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        own = time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0
    fields = text.rsplit(")", 1)[1].split()  # the name before it may hold anything
    waited_for = sum(int(ticks) for ticks in fields[13:15]) / TICKS_PER_S
    return own + waited_for + sum(cpu_s(child) for task in tasks for child in _children(task))


def _children(task: Path) -> list[int]:
    try:
        return [int(child) for child in (task / "children").read_text().split()]
    except OSError:
        return []
