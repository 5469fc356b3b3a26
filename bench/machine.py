"""The machine a figure was measured on."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from pathlib import Path

LIGHT = 2_000
"""Events sent, or records made durable, one after the other, to see how soon each is answered."""


def describe(folder: Path) -> list[tuple[str, str]]:
    """(what, value) of what figures depend on. `folder` is on the disk that is written to."""
    return [
        ("processor", f"{os.cpu_count()} cores, {_processor()}"),
        ("memory", f"{_memory_gib():.0f} GiB"),
        ("system", f"{platform.system()} {platform.release()}"),
        ("Python", platform.python_version()),
        ("load before", f"{os.getloadavg()[0]:.1f} processes running, average of the last minute"),
        ("disk", f"{fsyncs_per_s(folder):,.0f} appends of 4 KiB a second, each followed by fdatasync"),
    ]


def fsyncs_per_s(folder: Path, seconds: float = 2.0) -> float:
    """How often a second this disk makes an appended block durable, one writer."""
    folder.mkdir(parents=True, exist_ok=True)
    sync = getattr(os, "fdatasync", os.fsync)
    block, n = b"a" * 4096, 0
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        began = time.perf_counter()
        while (taken := time.perf_counter() - began) < seconds:
            file.write(block)
            sync(file.fileno())
            n += 1
    return n / taken


def fsync_ms(folder: Path, n: int = LIGHT, pause_s: float = 0.0005) -> tuple[float, float]:
    """How long this disk takes to make one small record durable, in milliseconds: the median of `n`, and the time that
    99 of 100 keep to. A pause goes before each, as between events that come one by one."""
    folder.mkdir(parents=True, exist_ok=True)
    sync = getattr(os, "fdatasync", os.fsync)
    taken = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(n):
            time.sleep(pause_s)
            began = time.perf_counter()
            file.write(b"a" * 600)
            sync(file.fileno())
            taken.append(time.perf_counter() - began)
    taken.sort()
    return 1000 * taken[n // 2], 1000 * taken[n * 99 // 100]


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
