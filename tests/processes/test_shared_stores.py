"""A workspace whose log and state are in PostgreSQL and its lake in an object store says what one folder says."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

from ariane.errors import Conflict, Transient
from ariane.processes import Serving, erase, rebuild, settle
from ariane.store import Stores
from ariane.store.shared_log import TableLog
from tests.processes.living import KEY, answers, deliver, process, town_events, workspace

N_PERSONS = 25
COUNT = "SELECT count(*) AS n FROM events"
SAME = ("identifiers", "persons", "consents", "edges", "sessions", "paths", "map")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What the town says when everything is in one folder."""
    stores = workspace(tmp_path_factory.mktemp("folder") / "ws")
    deliver(stores, town_events(N_PERSONS))
    process(stores)
    said = answers(stores)
    stores.close()
    return said


def elsewhere(path: Path, **settings: str) -> Stores:
    """A workspace with these settings."""
    workspace(path).close()
    file = path / "ariane.toml"
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    file.write_text(lines + file.read_text())
    (path / "state.db").unlink()
    return Stores(path)


@pytest.fixture
def free_ports() -> list[int]:
    probes = [socket.socket() for _ in range(2)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    found = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return found


def send(port: int, events: list[bytes]) -> None:
    """Post events in batches, each until it is acknowledged."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    for at in range(0, len(events), 200):
        body = b'{"writeKey":"%b","batch":[%b]}' % (KEY.encode(), b",".join(events[at : at + 200]))
        connection.request("POST", "/v1/batch", body)
        reply = connection.getresponse()
        assert (reply.status, reply.read()) == (200, b'{"success": true}')
    connection.close()


@pytest.mark.needs("postgres")
def test_log_and_state_in_postgresql_over_http_on_two_machines(
    tmp_path: Path, postgres_database: str, free_ports: list[int], told: dict[str, object]
) -> None:
    """Two folders with the same settings stand for two machines: both collect, one of them consumes."""
    urls = {"log_url": postgres_database, "state_url": postgres_database, "lake_url": f"file://{tmp_path}/lake"}
    stores = elsewhere(tmp_path / "one", **urls)
    machines = [
        Serving(stores.path, "127.0.0.1", free_ports[0], roles=("stream", "lake", "collector")),
        Serving(tmp_path / "two", "127.0.0.1", free_ports[1], roles=("stream", "lake", "collector")),
    ]
    workspace(tmp_path / "two").close()
    (tmp_path / "two" / "ariane.toml").write_text((stores.path / "ariane.toml").read_text())
    events = list(town_events(N_PERSONS))
    try:
        for machine in machines:
            machine.start()
        send(free_ports[0], events[::2])
        send(free_ports[1], events[1::2] + events[:200])
        settle(stores, watch=lambda: [machine.watch() for machine in machines] and None)
    finally:
        for machine in machines:
            machine.stop()
    assert stores.log.partitions() == ["web-0", "web-1"]
    assert not (stores.path / "log").exists() and not (stores.path / "state.db").exists()
    said = answers(stores)
    assert {name: said[name] for name in SAME} == {name: told[name] for name in SAME}
    stores.close()


@pytest.mark.needs("postgres")
@pytest.mark.needs("s3")
def test_nothing_in_the_folder_and_the_same_answers_again_after_a_rebuild_and_an_erasure(
    tmp_path: Path, postgres_database: str, s3_place: str, told: dict[str, object]
) -> None:
    stores = elsewhere(tmp_path / "ws", log_url=postgres_database, state_url=postgres_database, lake_url=s3_place)
    marked = (
        b'{"type":"identify","messageId":"zz-1","anonymousId":"zzmark","timestamp":"2026-10-01T10:00:00Z",'
        b'"traits":{"email":"zzmark@example.org"}}'
    )
    deliver(stores, [*town_events(N_PERSONS)[:700], marked, *town_events(N_PERSONS)[700:]])
    process(stores)
    assert stores.lake.files("events")[0].startswith(s3_place)
    with stores.state.read() as conn:
        key = conn.exec_driver_sql("SELECT key FROM identifiers WHERE value = 'zzmark'").scalar()
    assert erase(stores, [int(key)]).n_events == 1  # and a rebuild with it, by the workers
    payloads = [record.payload for record in stores.log.read("web-0", 0, 1 << 30).records]
    assert sum(payload.strip() == b"{}" for payload in payloads) == 1
    assert not any(b"zzmark" in payload for payload in payloads)
    said = answers(stores)
    assert {name: said[name] for name in SAME} == {name: told[name] for name in SAME}
    assert stores.log.retire("web-0", stores.log.end("web-0") // 2) > 0
    rebuild(stores)  # from the lake's events, where the log begins later
    said = answers(stores)
    assert {name: said[name] for name in SAME} == {name: told[name] for name in SAME}
    assert not (stores.path / "lake").exists()
    stores.close()


@pytest.mark.needs("postgres")
def test_a_role_is_held_by_one_machine(tmp_path: Path, postgres_database: str) -> None:
    one, two = (elsewhere(tmp_path / name, state_url=postgres_database) for name in ("one", "two"))
    with one.only("stream") as still:
        still()
        with pytest.raises(Conflict, match="'stream' of this state"), two.only("stream"):
            pass
        with two.only("lake"):
            pass
        with one.state.begin() as conn:
            conn.exec_driver_sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        with pytest.raises(Transient, match="was lost"):
            still()
    with two.only("stream"):
        pass
    one.close()
    two.close()


@pytest.mark.needs("postgres")
def test_a_writer_whose_connection_was_cut_is_over_and_the_next_goes_on(postgres_database: str) -> None:
    log = TableLog(postgres_database)
    writer = log.writer("web-0")
    end = writer.append([b"{}"])
    with log.engine.begin() as conn:
        conn.exec_driver_sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
    time.sleep(0.1)
    with pytest.raises(Transient, match="database refused"):
        writer.append([b"lost"])
    assert writer.failed and log.end("web-0") == end
    writer.close()
    with log.writer("web-0") as again:
        again.append([b"kept"])
    assert [record.payload for record in log.read("web-0", 0).records] == [b"{}", b"kept"]
    log.close()


@pytest.mark.needs("s3")
def test_a_program_that_read_the_object_store_ends_well(tmp_path: Path, s3_place: str) -> None:
    stores = elsewhere(tmp_path / "ws", lake_url=s3_place)
    deliver(stores, town_events(N_PERSONS)[:300])
    process(stores)
    for _ in range(2):
        asked = [sys.executable, "-c", "from ariane.cli import main; main()", "sql", "--json", COUNT]
        said = subprocess.run([*asked, "--workspace", stores.path], capture_output=True, text=True)
        assert said.returncode == 0, said.stderr
        assert json.loads(said.stdout)[0]["n"] > 0
    stores.close()
