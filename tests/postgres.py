"""A PostgreSQL server for one test run: on loopback, in a folder of its own, gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def binaries() -> Path | None:
    """The folder that holds initdb and postgres: the newest of Debian's, or the one on PATH."""
    kept_by_version = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda found: float(found.parts[-3]), reverse=True
    )
    on_path = shutil.which("initdb")
    found = [*kept_by_version, *([Path(on_path).resolve()] if on_path else [])]
    return next((program.parent for program in found if (program.parent / "postgres").exists()), None)


def _account(folder: Path) -> dict[str, Any]:
    """The server refuses to run as root: root lends it another account and gives that account the folder."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    entry = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Run a server over `folder`, which must not exist, and give its SQLAlchemy address. Durability is switched off."""
    programs = binaries()
    assert programs is not None
    folder.mkdir(parents=True)
    account, data, port = _account(folder), folder / "data", _free_port()
    made = subprocess.run(
        [programs / "initdb", "-D", data, "-U", "ariane", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
        cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, **account,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    settings = {
        "port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off",
        "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "32MB",
    }  # fmt: skip
    command = [programs / "postgres", "-D", data, *(f"--{name}={value}" for name, value in settings.items())]
    with (folder.parent / f"{folder.name}.log").open("wb") as said:
        server = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said, **account)
    try:
        _wait(programs, port, server)
        yield f"postgresql+psycopg://ariane@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)  # fast shutdown: whoever is still connected is sent away
        server.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(programs: Path, port: int, server: subprocess.Popen[bytes]) -> None:
    ready = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port), "-U", "ariane"]
    for _ in range(300):
        assert server.poll() is None, "PostgreSQL stopped while it started"
        if subprocess.run(ready, capture_output=True).returncode == 0:
            return
        time.sleep(0.1)
    raise AssertionError("PostgreSQL did not answer within 30 s")
