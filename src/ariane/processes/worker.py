"""What each supervised process runs: ``python -m ariane.processes.worker ROLE WORKSPACE``.

A worker ends on SIGTERM after the transaction it is in, and with its supervisor, however that one died.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ariane import settings
from ariane.arrow import load_arrow
from ariane.errors import ArianeError, Conflict, Transient
from ariane.ingest.lag import note

if TYPE_CHECKING:  # a collector that starts again needs none of what the stores load
    from ariane.store import Stores

IDLE_S = 0.05
SWEEP_EVERY_S = 60.0
STAND_BY_S = 2.0
DELIVER_EVERY_S = 1.0
COLLECT_EVERY_S = 120.0
LOOK_EVERY_S = 2.0
"""While the log or the stream stands still, what else may have changed is looked at this often only."""
SHARE_OF_WAITING = 2.0
"""A commit that took one second is followed by up to two of gathering: many small ones would only be joined again."""
_PR_SET_PDEATHSIG = 1
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
KEPT_BYTES = 256 << 20


def main() -> None:
    role, path = sys.argv[1], Path(sys.argv[2])
    die_with_parent()
    if role in FOLLOWERS:
        load_arrow(pool="system")
    ROLES[role](path)


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the supervisor is gone (Linux; elsewhere the locks still keep order)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() == 1:
            sys.exit(0)


def keep_memory() -> None:
    """Have what a batch needed at hand for the next (glibc; elsewhere nothing changes): the kernel clears every page
    that it gives anew, which took a tenth of the time."""
    libc = ctypes.CDLL(None)
    if sys.platform == "linux" and hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        libc.mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)


class _Follower:
    """A worker's life: it holds its role, takes one step after the other, and waits where it cannot.

    A store that refuses (a full disk, a lock, a database that went away) stops nothing for good: the worker says what
    is wrong, once, tries again, and says when it goes on. Where another holds the role it stands by until that one is
    gone.
    """

    def __init__(self, path: Path, role: str) -> None:
        self.path, self.role, self.stopping = path, role, False
        self._trouble: str | None = None
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _stop(self, _signal: int, _frame: object) -> None:
        self.stopping = True

    def follow(self, step: Callable[[Stores], int], idle_s: float) -> None:
        from ariane.store import Stores

        # A batch makes a million small objects without a cycle among them; looking for cycles took four tenths of the
        # time.
        gc.disable()
        keep_memory()
        while not self.stopping:
            try:
                stores = Stores(self.path)
            except Transient as error:
                self._wait(error, error.retry_after_s)
                continue
            try:
                with stores.only(self.role) as still:
                    self._went_on()
                    self._steps(stores, step, still, idle_s)
            except Transient as error:  # the role's connection was lost, or could not be had
                self._wait(error, error.retry_after_s)
            except Conflict as error:
                self._stand_by(stores)
                self._wait(error, STAND_BY_S)
            finally:
                stores.close()

    def _steps(self, stores: Stores, step: Callable[[Stores], int], still: Callable[[], None], idle_s: float) -> None:
        collected_at = time.monotonic()
        while not self.stopping:
            if time.monotonic() - collected_at > COLLECT_EVERY_S:
                gc.collect()
                collected_at = time.monotonic()
            still()
            try:
                worked = step(stores)
            except Transient as error:
                self._wait(error, error.retry_after_s)
                continue
            self._went_on()
            if not worked:
                time.sleep(idle_s)

    def _stand_by(self, stores: Stores) -> None:
        """Where another machine consumes, this one's collector learns from here how far it has come."""
        try:
            with stores.state.read() as conn:
                taken = stores.state.offsets(conn, self.role)
            for partition, offset in taken.items():
                note(stores.path, self.role, partition, offset)
        except Transient:
            pass

    def _wait(self, error: ArianeError, for_s: float) -> None:
        """Say what is in the way, once, and wait a moment; SIGTERM ends the wait."""
        if error.what != self._trouble:
            sys.stderr.write(f"ariane {self.role}: {error} Waiting.\n")
            self._trouble = error.what
        until = time.monotonic() + for_s
        while not self.stopping and (left := until - time.monotonic()) > 0:
            time.sleep(min(0.1, left))

    def _went_on(self) -> None:
        if self._trouble is not None:
            sys.stderr.write(f"ariane {self.role}: going on.\n")
            self._trouble = None


def stream(path: Path) -> None:
    from ariane.processes import stream as consumer

    memory: consumer.Memory | None = None
    noted: dict[str, int] = {}
    began = False
    looked_at = 0.0
    level: dict[str, int] | None = None  # where the log ended when there was nothing to take

    def step(stores: Stores) -> int:
        nonlocal memory, began, level, looked_at
        memory = memory or consumer.Memory(stores)
        started = time.monotonic()
        ends = {partition: stores.log.end(partition) for partition in stores.log.partitions()}
        if ends == level and started - looked_at < LOOK_EVERY_S / 2:
            return 0  # to ask the state and the rules each time took 3 % of a core
        taken = sum(consumer.step(stores, partition, memory) for partition in stores.log.partitions())
        if taken or not began:
            began = True
            with stores.state.read() as conn:
                _note(stores, "stream", stores.state.offsets(conn, consumer.CONSUMER), noted)
        if taken:
            consumer.gather(stores, memory, SHARE_OF_WAITING * (time.monotonic() - started))
        level, looked_at = None if taken else ends, started
        return taken

    _Follower(path, "stream").follow(step, IDLE_S)


def _note(stores: Stores, consumer: str, offsets: Mapping[str, int], noted: dict[str, int]) -> None:
    """Tell the collector how far this consumer has come, and what it could not read."""
    for partition, offset in offsets.items():
        if noted.get(partition) != offset:
            damage = stores.log.damage.get(partition, {})
            counts = {"damaged_records": len(damage), "damaged_bytes": sum(damage.values())}
            note(stores.path, consumer, partition, offset, counts)
            noted[partition] = offset


def lake(path: Path) -> None:
    from ariane.processes import columnar, noticing

    idle_s = settings.load(path).lake_interval_s
    swept_at = looked_at = time.monotonic()
    noted: dict[str, int] = {}
    level: dict[str, int] | None = None  # where the stream stood when everything was found to be written
    noticing.load()
    watch = noticing.Watch()

    def step(stores: Stores) -> int:
        nonlocal swept_at, looked_at, level
        began = time.monotonic()
        passed = columnar.passed(stores)
        if passed == level and began - looked_at < LOOK_EVERY_S:
            return 0
        if began - swept_at > SWEEP_EVERY_S:
            stores.lake.secure()  # before anything goes that a version not yet on disk still needs
            columnar.sweep(stores)
            swept_at = began
        added = columnar.step(stores)
        noticed = watch.look(stores, busy=added > 0)
        if added or not noted:
            reached = {partition: stores.lake.progress("events", partition) for partition in stores.log.partitions()}
            _remember(stores, reached)
            _note(stores, "lake", reached, noted)
        if added:
            columnar.tidy(stores, busy=True)
            stores.lake.secure()
            columnar.retire(stores)
            columnar.gather(stores, for_s=max(idle_s, SHARE_OF_WAITING * (time.monotonic() - began)))
        else:
            columnar.tidy(stores)
        level, looked_at = None if added or not noticed else passed, began
        return added

    _Follower(path, "lake").follow(step, idle_s / 4)


def _remember(stores: Stores, reached: Mapping[str, int]) -> None:
    """On a state that machines share, say how far the lake has come: the others see it there (`_stand_by`)."""
    if not stores.state.is_sqlite:
        with stores.state.begin() as conn:
            for partition, offset in reached.items():
                stores.state.commit_offset(conn, "lake", partition, offset)


def deliver(path: Path) -> None:
    """Carries what waits in the outbox, a round a second."""
    from ariane.processes.delivering import carry

    _Follower(path, "deliver").follow(carry, DELIVER_EVERY_S)


def collector(path: Path) -> None:
    """The front door: ingest on its own path, everything else passed to the console."""
    from granian import Granian
    from granian.constants import Interfaces, RuntimeModes
    from granian.log import LogLevels

    chosen = settings.load(path)
    Granian(
        "ariane.ingest.collector:create_app",
        factory=True,
        address=os.environ.get("ARIANE_BIND_HOST", chosen.host),
        port=int(os.environ.get("ARIANE_BIND_PORT", chosen.port)),
        interface=Interfaces.RSGI,
        workers=chosen.collector_workers,
        runtime_mode=RuntimeModes.st,  # a tenth less work an event than its own pool of threads
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
        workers_kill_timeout=1,  # one still loading hears no signal, and nothing is lost with it
        log_level=LogLevels.error,
        websockets=False,
    ).serve()


def bridges(path: Path) -> None:
    """The brokers of the workspace's settings, followed until SIGTERM."""
    from ariane.ingest.bridges import Bridge
    from ariane.store import Stores

    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stores = Stores(path)
    followed: list[Bridge] = []
    try:
        for name, settings in stores.settings.bridges.items():
            followed.append(Bridge(stores.log, stores.path, name, settings))
            followed[-1].start()
        while not told.wait(1.0):
            pass
    finally:
        for bridge in reversed(followed):
            bridge.stop()
        stores.close()


FOLLOWERS = ("stream", "lake", "deliver")
ROLES: dict[str, Callable[[Path], None]] = {
    "stream": stream,
    "lake": lake,
    "deliver": deliver,
    "collector": collector,
    "bridges": bridges,
    "console": console,
}

if __name__ == "__main__":
    try:
        main()
    except ArianeError as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(1)
