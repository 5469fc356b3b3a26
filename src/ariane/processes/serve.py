"""The supervisor: starts collector, stream, lake and console, starts again the one that dies, and ends them together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from urllib.error import URLError
from urllib.request import urlopen

from ariane.errors import Conflict, Transient
from ariane.store import Stores

ROLES = ("stream", "lake", "console", "collector")
GRACE_S = 10.0
BACKOFF_S = (0.1, 0.5, 2.0, 5.0)


class Serving:
    """The running processes of one workspace.

    `start()` returns once the front door answers; `wait()` watches until a stop is asked for; `stop()` ends every
    process it started, by id, and waits for each.
    """

    def __init__(self, path: Path, host: str, port: int) -> None:
        self.path, self.host, self.port = path, host, port
        self.console_port = _free_port()
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.deaths: dict[str, list[float]] = {role: [] for role in ROLES}
        self._stopping = False

    @property
    def address(self) -> str:
        return f"http://{self.host if self.host not in ('0.0.0.0', '::') else '127.0.0.1'}:{self.port}"

    def start(self, timeout_s: float = 60.0) -> None:
        """Start everything. Conflict when the port is taken, Transient when the front door does not answer in time."""
        _refuse_taken(self.host, self.port)
        for role in ROLES:
            self._spawn(role)
        until = time.monotonic() + timeout_s
        while not self._answers():
            self.watch()
            if time.monotonic() > until:
                self.stop()
                raise Transient(f"The collector did not answer on {self.address}.", next_step="See the messages above.")
            time.sleep(0.05)

    def _spawn(self, role: str) -> None:
        environment = os.environ | {
            "ARIANE_WORKSPACE": str(self.path),
            "ARIANE_CONSOLE_PORT": str(self.console_port),
            "ARIANE_BIND_HOST": self.host,
            "ARIANE_BIND_PORT": str(self.port),
        }
        command = [sys.executable, "-m", "ariane.processes.worker", role, str(self.path)]
        # A session of its own, so that Ctrl-C reaches the supervisor alone and the order of stopping is ours.
        self.children[role] = subprocess.Popen(command, env=environment, start_new_session=True, stdin=subprocess.DEVNULL)

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.address}/healthz", timeout=1) as reply:
                return bool(reply.status == 200)
        except (URLError, OSError):
            return False

    def watch(self) -> None:
        """Start again whatever has died, more slowly the more often it did."""
        for role, child in list(self.children.items()):
            if self._stopping or child.poll() is None:
                continue
            now = time.monotonic()
            recent = [at for at in self.deaths[role] if now - at < 60]
            self.deaths[role] = [*recent, now]
            time.sleep(BACKOFF_S[min(len(recent), len(BACKOFF_S) - 1)])
            sys.stderr.write(f"ariane: {role} ended with {child.returncode}; starting it again\n")
            self._spawn(role)

    def wait(self) -> None:
        """Watch until SIGINT or SIGTERM."""

        def ask(_signal: int, _frame: FrameType | None) -> None:
            self._stopping = True

        signal.signal(signal.SIGINT, ask)
        signal.signal(signal.SIGTERM, ask)
        while not self._stopping:
            self.watch()
            time.sleep(0.2)

    def stop(self) -> None:
        """End the processes: the front door first, so that nothing new is taken while the rest finishes."""
        self._stopping = True
        for role in reversed(ROLES):
            child = self.children.get(role)
            if child is None or child.poll() is not None:
                continue
            child.terminate()
            try:
                child.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


def serve(
    path: Path, *, host: str | None = None, port: int | None = None, on_ready: Callable[[Serving], None] | None = None
) -> None:
    """Run the workspace until told to stop. `on_ready` is called once the front door answers."""
    stores = Stores(path)
    settings = stores.settings
    with stores.only("supervisor"):
        stores.close()
        serving = Serving(stores.path, host or settings.host, port or settings.port)
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
