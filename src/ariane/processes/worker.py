"""What each supervised process runs: ``python -m ariane.processes.worker ROLE WORKSPACE``.

A worker ends on SIGTERM after the transaction it is in, and with its supervisor, however that one died.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ariane.errors import ArianeError, Transient
from ariane.store import Stores

IDLE_S = 0.05
SWEEP_EVERY_S = 60.0
COLLECT_EVERY_S = 30.0
SHARE_OF_WAITING = 2.0
"""A commit that took one second is followed by up to two of gathering: many small ones would only be joined again."""
_PR_SET_PDEATHSIG = 1


class Stopping(Exception):
    """SIGTERM arrived."""


def main() -> None:
    role, path = sys.argv[1], Path(sys.argv[2])
    die_with_parent()
    ROLES[role](path)


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the supervisor is gone (Linux; elsewhere the locks still keep order)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() == 1:
            sys.exit(0)


def _follow(path: Path, role: str, step: Callable[[Stores], int], idle_s: float) -> None:
    """Call `step` as long as there is work; wait a little when there is none, longer when a store refuses."""
    stopping = False

    def stop(_signal: int, _frame: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stores = Stores(path)
    # A batch makes a million small objects without a cycle among them; looking for cycles took four tenths of the time.
    gc.disable()
    collected_at = time.monotonic()
    with stores.only(role):
        while not stopping:
            if time.monotonic() - collected_at > COLLECT_EVERY_S:
                gc.collect()
                collected_at = time.monotonic()
            try:
                worked = step(stores)
            except Transient as error:
                sys.stderr.write(f"ariane {role}: {error}\n")
                time.sleep(error.retry_after_s)
                continue
            if not worked:
                time.sleep(idle_s)
    stores.close()


def stream(path: Path) -> None:
    from ariane.processes import stream as consumer

    memory = None

    def step(stores: Stores) -> int:
        nonlocal memory
        memory = memory or consumer.Memory(stores)
        return sum(consumer.step(stores, partition, memory) for partition in stores.log.partitions())

    _follow(path, "stream", step, IDLE_S)


def lake(path: Path) -> None:
    from ariane.processes import columnar

    idle_s = Stores(path).settings.lake_interval_s
    swept_at = time.monotonic()

    def step(stores: Stores) -> int:
        nonlocal swept_at
        began = time.monotonic()
        if began - swept_at > SWEEP_EVERY_S:
            columnar.sweep(stores)
            swept_at = began
        added = columnar.step(stores)
        if added:
            columnar.tidy(stores, files_a_day=8)
            columnar.retire(stores)
            columnar.gather(stores, for_s=max(idle_s, SHARE_OF_WAITING * (time.monotonic() - began)))
        else:
            columnar.tidy(stores, files_a_day=1.5)
        return added

    _follow(path, "lake", step, idle_s / 4)


def collector(path: Path) -> None:
    """The front door: ingest on its own path, everything else passed to the console."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    settings = Stores(path).settings
    Granian(
        "ariane.ingest.collector:create_app",
        factory=True,
        address=os.environ.get("ARIANE_BIND_HOST", settings.host),
        port=int(os.environ.get("ARIANE_BIND_PORT", settings.port)),
        interface=Interfaces.RSGI,
        workers=settings.collector_workers,
        log_level=LogLevels.error,
        websockets=False,
        respawn_failed_workers=True,
    ).serve()


def console(path: Path) -> None:
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    Granian(
        "ariane.console.server:create",
        factory=True,
        address="127.0.0.1",
        port=int(os.environ["ARIANE_CONSOLE_PORT"]),
        interface=Interfaces.ASGI,
        workers=1,
        log_level=LogLevels.error,
        websockets=False,
    ).serve()


ROLES: dict[str, Callable[[Path], None]] = {
    "stream": stream,
    "lake": lake,
    "collector": collector,
    "console": console,
}

if __name__ == "__main__":
    try:
        main()
    except ArianeError as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(1)
