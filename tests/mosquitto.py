"""A throwaway MQTT broker on loopback, which keeps its sessions on disk."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path


def find() -> str | None:
    """The path of mosquitto; Debian keeps it out of the PATH of those who are not root."""
    return shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


class Broker:
    """One mosquitto, started and ended as often as a test likes; its port and its files stay."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        lines = [f"listener {self.port} 127.0.0.1", "allow_anonymous true", "persistence true", "autosave_interval 1"]
        lines += ["autosave_on_changes true", f"persistence_location {folder}/", "max_queued_messages 0"]
        (folder / "mosquitto.conf").write_text("\n".join([*lines, "user root", "log_type error"]) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        program = find()
        assert program is not None
        self._process = subprocess.Popen(
            [program, "-c", str(self.folder / "mosquitto.conf")], stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + 60
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    return
            except OSError:
                assert self._process.poll() is None, "mosquitto ended"
                assert time.monotonic() < until, "mosquitto does not answer"
                time.sleep(0.02)

    def stop(self, *, kill: bool = False) -> None:
        if self._process is None:
            return
        if kill:
            self._process.kill()
        else:
            self._process.terminate()
        self._process.wait(20)
        self._process = None
