"""Starts workers, starts again the one that dies, and ends them together, by id and in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ariane.errors import Conflict
from ariane.store import Stores

GRACE_S = 10.0
BACKOFF_S = (0.1, 0.5, 2.0, 5.0)


LARGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
"""Memory in pages of 2 MB where the system has them (Linux with glibc 2.35; elsewhere nothing changes): stream and lake
walk through hundreds of megabytes, and took 6 % longer."""


class Supervisor:
    """The running workers of one workspace, one process a role."""

    def __init__(
        self,
        path: Path,
        roles: Sequence[str],
        environment: Mapping[str, str] | None = None,
        backoff_s: Sequence[float] = BACKOFF_S,
    ) -> None:
        self.path, self.roles, self.environment = path, tuple(roles), dict(environment or {})
        self.backoff_s = backoff_s
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.stopping = False
        self._deaths: dict[str, list[float]] = {role: [] for role in roles}

    def start(self, *, later: Sequence[str] = ()) -> None:
        """Start every role but those of `later`, which `start_late` starts."""
        for role in self.roles:
            if role not in later:
                self._spawn(role)

    def start_late(self) -> None:
        for role in self.roles:
            if role not in self.children:
                self._spawn(role)

    def _spawn(self, role: str) -> None:
        command = [sys.executable, "-m", "ariane.processes.worker", role, str(self.path)]
        environment = LARGE_PAGES | os.environ | {"ARIANE_WORKSPACE": str(self.path)} | self.environment
        # A session of its own, so that Ctrl-C reaches the supervisor alone and the order of stopping is ours.
        self.children[role] = subprocess.Popen(
            command, env=environment, start_new_session=True, stdin=subprocess.DEVNULL
        )

    def watch(self) -> None:
        """Start again whatever has died, more slowly the more often it did."""
        for role, child in list(self.children.items()):
            if self.stopping or child.poll() is None:
                continue
            now = time.monotonic()
            recent = [at for at in self._deaths[role] if now - at < 60]
            self._deaths[role] = [*recent, now]
            time.sleep(self.backoff_s[min(len(recent), len(self.backoff_s) - 1)])
            sys.stderr.write(f"ariane: {role} ended with {child.returncode}; starting it again\n")
            self._spawn(role)

    def stop(self) -> None:
        """End the workers, the last started first: nothing new is taken while the rest finishes."""
        self.stopping = True
        for role in reversed(self.roles):
            child = self.children.get(role)
            if child is None or child.poll() is not None:
                continue
            child.terminate()
            try:
                child.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


@contextmanager
def consuming(stores: Stores) -> Iterator[Callable[[], None]]:
    """While this lasts, the log is being consumed: by the workspace's own supervisor if it runs, else by workers
    started here and ended after. Gives a function to call now and then, which starts again a worker that died."""
    try:
        with stores.only("supervisor"):
            workers = Supervisor(stores.path, ("stream", "lake"))
            workers.start()
            try:
                yield workers.watch
            finally:
                workers.stop()
    except Conflict as error:
        if "supervisor" not in error.what:
            raise
        yield lambda: None
