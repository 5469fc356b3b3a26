"""Serving a workspace: the front door answers, the workers work, until told to stop."""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from urllib.error import URLError
from urllib.request import urlopen

from ariane import settings
from ariane.errors import Conflict, Transient
from ariane.processes.supervisor import BACKOFF_S, Supervisor
from ariane.store import Stores

ROLES = ("stream", "lake", "console", "collector")
DELIVER = "deliver"
"""Run beside the others where the settings say how messages leave."""


class Serving:
    """A workspace being served.

    `start()` returns once the front door answers; `wait()` watches until a stop is asked for; `stop()` ends every
    process it started and waits for each.
    """

    def __init__(
        self,
        path: Path,
        host: str,
        port: int,
        *,
        roles: Sequence[str] | None = None,
        backoff_s: Sequence[float] = BACKOFF_S,
    ) -> None:
        self.host, self.port = host, port
        if roles is None:
            chosen = settings.load(path)
            # The last to start is the first to stop: brokers are no longer followed while the rest ends.
            roles = (*((DELIVER,) if chosen.email_sender else ()), *ROLES, *(("bridges",) if chosen.bridges else ()))
        environment = {
            "ARIANE_CONSOLE_PORT": str(_free_port()),
            "ARIANE_BIND_HOST": host,
            "ARIANE_BIND_PORT": str(port),
        }
        self.workers = Supervisor(path, roles, environment, backoff_s)

    @property
    def address(self) -> str:
        return f"http://{'127.0.0.1' if self.host in ('0.0.0.0', '::') else self.host}:{self.port}"

    def start(self, timeout_s: float = 60.0, *, later: Sequence[str] = ()) -> None:
        """Start everything but the roles of `later`, which `start_late` starts. Conflict when the port is taken,
        Transient when the front door does not answer in time."""
        _refuse_taken(self.host, self.port)
        self.workers.start(later=later)
        until = time.monotonic() + timeout_s
        while not self.answers():
            self.workers.watch()
            if time.monotonic() > until:
                self.stop()
                raise Transient(f"The collector did not answer on {self.address}.", next_step="See the messages above.")
            time.sleep(0.05)

    def start_late(self) -> None:
        self.workers.start_late()

    def answers(self, path: str = "/healthz") -> bool:
        """Whether the front door answers `path` with 200."""
        try:
            with urlopen(self.address + path, timeout=10) as reply:
                return bool(reply.status == 200)
        except (URLError, OSError):
            return False

    def watch(self) -> None:
        self.workers.watch()

    def wait(self) -> None:
        """Watch until SIGINT or SIGTERM."""

        def ask(_signal: int, _frame: FrameType | None) -> None:
            self.workers.stopping = True

        signal.signal(signal.SIGINT, ask)
        signal.signal(signal.SIGTERM, ask)
        while not self.workers.stopping:
            self.watch()
            time.sleep(0.2)

    def stop(self) -> None:
        self.workers.stop()


def serve(
    path: Path, *, host: str | None = None, port: int | None = None, on_ready: Callable[[Serving], None] | None = None
) -> None:
    """Run the workspace until told to stop. `on_ready` is called once the front door answers."""
    stores = Stores(path)
    if stores.unfinished():
        from ariane.processes.rebuilding import finish as finish_rebuild  # loads what serving does without

        sys.stderr.write("ariane: a rebuild was cut short; it is finished first\n")
        finish_rebuild(stores)
    if (stores.path / "erasing.json").exists():
        from ariane.processes.erasing import finish  # loads what serving does without

        finish(stores)
    chosen = stores.settings
    with stores.only("supervisor"):
        stores.close()
        serving = Serving(stores.path, host or chosen.host, port or chosen.port)
        try:
            serving.start()
            if on_ready:
                on_ready(serving)
            serving.wait()
        finally:
            serving.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _refuse_taken(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Conflict(
                f"Port {port} cannot be bound: {error.strerror}.",
                where=f"{host}:{port}",
                next_step=f"Choose another: 'ariane serve --port {port + 1}'.",
            ) from error
