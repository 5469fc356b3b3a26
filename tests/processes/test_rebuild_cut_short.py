"""A rebuild that is killed, or begins with a lake behind its stream or a damaged state, loses and doubles nothing."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ariane.errors import Transient
from ariane.processes import Serving, columnar, erase, rebuild, serve, stream
from ariane.processes.rebuilding import finish
from ariane.store import Stores
from tests.processes.living import answers, deliver, process, town_events, workspace
from tests.processes.test_same_answers import assert_same

KILLED = """
import os, signal, sys
from ariane.processes import rebuilding
from ariane.store import Stores
from ariane.store.lake import Lake
from ariane.store.state import State

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

where = sys.argv[2]
if where == "replay":
    begin, left = State.begin, [3]
    def third(self):
        left[0] -= 1
        return begin(self) if left[0] else die()
    State.begin = third
elif where == "before the lake":
    Lake.drop = die
elif where == "in the lake":
    drop, left = Lake.drop, [3]
    def third(self, name):
        left[0] -= 1
        drop(self, name) if left[0] else die()
    Lake.drop = third
rebuilding.rebuild(Stores(sys.argv[1]), keep_events=len(sys.argv) > 3)
"""


def killed(path: Path, where: str, *more: str) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path), where, *more], capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def town(path: Path, *, retired: bool) -> Stores:
    stores = workspace(path)
    toml = path / "ariane.toml"
    toml.write_text("stream_batch = 100\n" + toml.read_text())
    stores.close()
    stores = Stores(path)
    stores.log.segment_bytes = 60_000
    events = town_events(30)
    deliver(stores, events[::2])
    deliver(stores, events[1::2] + events[:200], partition="web-1")
    process(stores)
    if retired:
        for partition in stores.log.partitions():
            assert stores.log.retire(partition, stores.log.end(partition)) > 0
    return stores


@pytest.mark.parametrize(
    ("where", "retired"),
    [("replay", True), ("before the lake", True), ("before the lake", False), ("in the lake", False)],
)
def test_a_killed_rebuild_goes_on(tmp_path: Path, where: str, retired: bool) -> None:
    stores = town(tmp_path / "ws", retired=retired)
    live = answers(stores)
    killed(stores.path, where)
    for role in ("stream", "lake"):
        with pytest.raises(Transient, match=r"cut short.*ariane rebuild"), stores.only(role):
            pass
    if where == "in the lake":
        assert finish(stores) and not finish(stores)
    else:
        rebuild(stores)
    assert_same(answers(Stores(stores.path)), live)
    stores.close()


def test_serving_finishes_a_killed_rebuild_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = town(tmp_path / "ws", retired=True)
    live = answers(stores)
    killed(stores.path, "replay")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    said: list[dict[str, object]] = []

    def ready(serving: Serving) -> None:
        said.append(answers(stores))
        serving.workers.stopping = True

    monkeypatch.setattr(signal, "signal", lambda *_: None)
    serve(stores.path, port=port, on_ready=ready)
    assert_same(said[0], live)
    stores.close()


def test_workers_wait_while_a_rebuild_is_unfinished(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    stores = town(tmp_path / "ws", retired=True)
    n_before = len(answers(stores)["identifiers"])
    killed(stores.path, "replay")
    serving = Serving(stores.path, "127.0.0.1", 1, roles=("stream", "lake"))
    serving.workers.start()
    try:
        until, told = time.monotonic() + 60, ""
        while told.count("cut short") < 2 and time.monotonic() < until:
            told += capfd.readouterr().err
            time.sleep(0.05)
        assert told.count("cut short") == 2 and "ariane rebuild" in told
    finally:
        serving.workers.stop()
    assert erase(stores, [1]).n_events == 0  # finishes it too
    assert len(answers(stores)["identifiers"]) == n_before
    stores.close()


def test_a_state_without_what_was_retired_is_not_gone_on_from(tmp_path: Path) -> None:
    stores = town(tmp_path / "ws", retired=True)
    live = answers(stores)
    stores.state.drop()
    stores.state.create()
    with pytest.raises(Transient, match=r"lacks what was retired.*ariane rebuild"), stores.only("stream"):
        pass
    rebuild(stores)
    assert_same(answers(Stores(stores.path)), live)
    stores.close()


@pytest.mark.parametrize("behind", ["web-0", "web-1"])
def test_a_lake_behind_its_stream_loses_and_doubles_nothing(tmp_path: Path, behind: str) -> None:
    """The copies of an event lie in two partitions, and the lake has passed one of them only."""
    stores = lagging(tmp_path / "ws", behind)
    rebuild(stores)
    ids = stores.lake.read("events", ["event_id"]).column(0).to_pylist()
    assert len(ids) == len(set(ids)) == 400
    with stores.state.read() as conn:
        n_events = conn.exec_driver_sql("SELECT sum(n_events) FROM persons").scalar()
    assert n_events == expected(tmp_path / "other")
    stores.close()


def lagging(path: Path, behind: str) -> Stores:
    stores = workspace(path)
    stores.log.segment_bytes = 20_000
    ahead = "web-1" if behind == "web-0" else "web-0"
    events = town_events(60)[:400]
    deliver(stores, events[:200], partition="web-2")
    process(stores)
    deliver(stores, events[200:], partition=behind)
    stream.run(stores)
    deliver(stores, events[200:], partition=ahead)
    stream.run(stores)
    with stores.state.read() as conn:
        until = stores.state.offset(conn, "stream", ahead)
    columnar._append(stores, ahead, 0, until)  # the lake is killed between two partitions
    assert stores.lake.n_rows("events") == 200
    assert stores.log.retire("web-2", stores.log.end("web-2")) > 0
    return stores


def expected(path: Path) -> int:
    stores = workspace(path)
    deliver(stores, town_events(60)[:400])
    process(stores)
    with stores.state.read() as conn:
        n = conn.exec_driver_sql("SELECT sum(n_events) FROM persons").scalar()
    stores.close()
    return int(n)


@pytest.mark.parametrize("damage", ["head", "pages"])
def test_a_damaged_state_is_set_aside_and_said(tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    stores = lagging(tmp_path / "ws", "web-0")
    stores.close()
    file = stores.path / "state.db"
    content = bytearray(file.read_bytes())
    for at in [0] if damage == "head" else range(3 * 4096, len(content), 4096):
        content[at : at + 200] = b"\xff" * min(200, len(content) - at)
    file.write_bytes(content)
    stores = Stores(stores.path, create=False)
    rebuild(stores)
    told = capsys.readouterr().err
    assert "The state is damaged" in told and "where the lake stands" in told and "state.db.damaged-1" in told
    ids = stores.lake.read("events", ["event_id"]).column(0).to_pylist()
    assert len(ids) == len(set(ids)) == 400
    stores.close()
