"""Disks that are full, read-only or held by somebody else, under processes that run: said, waited out, nothing lost."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.request import urlopen

import pytest

from ariane import settings
from ariane.processes import Serving, settle
from ariane.store import Lake, Stores
from tests.processes.test_kill import Client, free_port  # noqa: F401  a fixture

ROLES = ("stream", "lake", "collector")
SIZE = 6 << 20


class Disk:
    """A file system of 6 MiB that can be filled, emptied, and made read-only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        with (self.folder / "ballast").open("ab", buffering=0) as ballast, contextlib.suppress(OSError):
            while True:
                ballast.write(b"0" * 4096)

    def empty(self) -> None:
        (self.folder / "ballast").unlink()

    def mount(self, mode: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{mode}", self.folder], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "ariane-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mounted, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def on(disk: Disk, where: str, path: Path) -> str:
    """A workspace one of whose stores is on the small disk; its write key."""
    key = settings.create(path).sources["default"].write_key
    if where == "log":
        (disk.folder / "log").mkdir()
        (path / "log").symlink_to(disk.folder / "log")
    chosen = {"state": f'state_url = "sqlite:///{disk.folder}/state.db"', "lake": f'lake_url = "{disk.folder}/lake"'}
    file = path / "ariane.toml"
    file.write_text(chosen.get(where, "") + "\n" + file.read_text())
    return key


def until(true: Callable[[], bool], serving: Serving, what: str, for_s: float = 60) -> None:
    end = time.monotonic() + for_s
    while not true():
        serving.watch()
        assert time.monotonic() < end, f"not within {for_s} s: {what}"
        time.sleep(0.05)


class Said:
    """What the workers write on standard error."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self.capfd, self.text = capfd, ""

    def has(self, pattern: str) -> bool:
        self.text += self.capfd.readouterr().err
        return re.search(pattern, self.text) is not None


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str]) -> Said:
    return Said(capfd)


def start(path: Path, port: int) -> Serving:
    serving = Serving(path, "127.0.0.1", port, roles=ROLES, backoff_s=(0.2,))
    serving.start()
    return serving


def sending(port: int, key: str) -> tuple[Client, Callable[[], list[str]]]:
    """A client that sends until told to stop, and what then was acknowledged."""
    import threading

    stop = threading.Event()
    client = Client(0, port, key, stop)
    client.start()

    def end() -> list[str]:
        stop.set()
        client.join(60)
        assert not client.is_alive()
        return client.acknowledged

    return client, end


def check(path: Path, serving: Serving, acknowledged: list[str]) -> None:
    """Everything acknowledged is in the lake, once, and every file the lake names is whole."""
    stores = Stores(path)
    settle(stores, watch=serving.watch)
    serving.stop()
    stored = Counter(stores.lake.read("events", ["message_id"]).column(0).to_pylist())
    assert [one for one in acknowledged if stored[one] != 1] == []
    assert max(stored.values()) == 1 and len(acknowledged) > 20
    assert whole(stores.lake)
    stores.close()


def whole(lake: Lake) -> bool:
    """Whether every file is there and can be read to its end."""
    rows = {name: lake.dataset(name, lake.files(name)).to_table().num_rows for name in lake.names()}
    return all(lake.missing(name) == [] and n == lake.n_rows(name) for name, n in rows.items())


@pytest.mark.needs("root")
@pytest.mark.parametrize("where", ["state", "lake"])
def test_a_full_disk_under_a_consumer_is_said_and_waited_out(
    tmp_path: Path, disk: Disk, where: str, said: Said, request: pytest.FixtureRequest
) -> None:
    port = request.getfixturevalue("free_port")
    key = on(disk, where, path := tmp_path / "ws")
    serving = start(path, port)
    try:
        client, end = sending(port, key)
        until(lambda: len(client.acknowledged) > 50, serving, "the first events")
        disk.fill()
        role = {"state": "stream", "lake": "lake"}[where]
        until(lambda: said.has(rf"ariane {role}: .*(full|[Nn]o space).*[Mm]ake room.*Waiting"), serving, "it says so")
        before = len(client.acknowledged)
        until(lambda: len(client.acknowledged) > before + 50, serving, "the collector goes on taking events")
        disk.empty()
        until(lambda: said.has(rf"ariane {role}: going on"), serving, "it goes on")
        check(path, serving, end())
        assert "ended with" not in said.text, "a full disk must not kill a worker"
    finally:
        serving.stop()


def refused(port: int, key: str) -> tuple[int, str, dict[str, str]] | None:
    """The answer to one event when it is not 200: status, Retry-After and body."""
    body = json.dumps({"batch": [{"type": "track", "event": "x", "anonymousId": "a"}], "writeKey": key})
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/v1/batch", body)
    reply = connection.getresponse()
    text = reply.read()
    connection.close()
    return None if reply.status == 200 else (reply.status, reply.headers["Retry-After"], json.loads(text))


@pytest.mark.needs("root")
def test_a_full_disk_under_the_log_is_a_503_with_its_time_and_nothing_acknowledged_is_lost(
    tmp_path: Path, disk: Disk, request: pytest.FixtureRequest
) -> None:
    port = request.getfixturevalue("free_port")
    key = on(disk, "log", path := tmp_path / "ws")
    serving = start(path, port)
    try:
        client, end = sending(port, key)
        until(lambda: len(client.acknowledged) > 50, serving, "the first events")
        disk.fill()
        answers: list[tuple[int, str, dict[str, str]]] = []
        until(lambda: bool(answers.extend(filter(None, [refused(port, key)])) or answers), serving, "a refusal")
        status, after, body = answers[-1]
        assert (status, body["code"]) == (503, "unavailable") and int(after) >= 1 and "disk is full" in body["message"]
        disk.empty()
        count = len(client.acknowledged)
        until(lambda: len(client.acknowledged) > count + 50, serving, "it takes events again")
        check(path, serving, end())
    finally:
        serving.stop()


@pytest.mark.needs("root")
@pytest.mark.parametrize("where", ["log", "state", "lake"])
def test_a_read_only_disk_is_said_and_waited_out(
    tmp_path: Path, disk: Disk, where: str, said: Said, request: pytest.FixtureRequest
) -> None:
    port = request.getfixturevalue("free_port")
    key = on(disk, where, path := tmp_path / "ws")
    disk.mount("ro")
    serving = Serving(path, "127.0.0.1", port, roles=ROLES, backoff_s=(0.2,))
    serving.start()
    try:
        client, end = sending(port, key)
        if where == "log":
            until(lambda: (refused(port, key) or (0,))[0] == 503, serving, "a refusal")
            with pytest.raises(Exception, match="503"):
                urlopen(f"http://127.0.0.1:{port}/readyz", timeout=20)
        role = {"log": "collector", "state": "stream", "lake": "lake"}[where]
        until(lambda: said.has(rf"ariane {role}: .*([Rr]ead-only|unable to open|readonly)"), serving, "it says so")
        disk.mount("rw")
        until(lambda: len(client.acknowledged) > 50, serving, "events are taken")
        check(path, serving, end())
    finally:
        serving.stop()


def test_a_state_that_somebody_holds_is_said_and_waited_out(
    tmp_path: Path, said: Said, request: pytest.FixtureRequest
) -> None:
    port = request.getfixturevalue("free_port")
    key = settings.create(path := tmp_path / "ws").sources["default"].write_key
    serving = start(path, port)
    try:
        client, end = sending(port, key)
        until(lambda: len(client.acknowledged) > 50 and (path / "state.db").exists(), serving, "the first events")
        holder = sqlite3.connect(path / "state.db", timeout=60, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        until(lambda: said.has(r"ariane stream: .*database is locked.*Waiting"), serving, "it says so")
        assert refused(port, key) is None, "the collector needs no state"
        holder.execute("ROLLBACK")
        holder.close()
        until(lambda: said.has("ariane stream: going on"), serving, "it goes on")
        check(path, serving, end())
    finally:
        serving.stop()


def test_consumers_far_behind_hold_the_collector_back(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    port = request.getfixturevalue("free_port")
    key = settings.create(path := tmp_path / "ws").sources["default"].write_key
    file = path / "ariane.toml"
    file.write_text("max_lag_bytes = 60000\n" + file.read_text())
    serving = start(path, port)
    try:
        client, end = sending(port, key)
        until(lambda: (path / ".progress/stream/web-0").exists(), serving, "the stream says how far it is")
        os.kill(serving.workers.children["stream"].pid, signal.SIGSTOP)
        answers: list[tuple[int, str, dict[str, str]]] = []
        until(lambda: bool(answers.extend(filter(None, [refused(port, key)])) or answers), serving, "a refusal")
        status, after, body = answers[-1]
        assert (status, body["code"]) == (429, "too_many_requests") and int(after) >= 1
        told = urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20).read().decode()
        behind = re.search(r'ariane_consumer_lag_bytes\{consumer="stream",partition="web-0"\} (\d+)', told)
        assert behind and int(behind[1]) > 60_000
        assert "ariane_consumer_damaged_records_total" in told
        os.kill(serving.workers.children["stream"].pid, signal.SIGCONT)
        count = len(client.acknowledged)
        until(lambda: len(client.acknowledged) > count + 20, serving, "it takes events again")
        check(path, serving, end())
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(serving.workers.children["stream"].pid, signal.SIGCONT)
        serving.stop()
