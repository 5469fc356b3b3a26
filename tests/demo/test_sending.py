"""Sending through real HTTP: everything arrives once per request, patience is honoured, refusals are said."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from ariane.demo import Town, load, send
from ariane.errors import InputError, Transient

TOWN = Town(seed=4, n_persons=40, until_on=date(2026, 4, 30))


class Collector(ThreadingHTTPServer):
    """A collector that can be told how to answer."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.taken: list[str] = []
        self.busy = 0
        self.status = 200
        self.keys: set[str] = set()
        self.lock = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            busy, self.server.busy = self.server.busy > 0, max(0, self.server.busy - 1)
            self.server.keys.add(self.headers["Authorization"])
            status = 503 if busy else self.server.status
            if status == 200:
                assert self.path == "/v1/batch"
                self.server.taken += [event["messageId"] for event in msgspec.json.decode(body)["batch"]]
        said = b'{"success": true}'
        self.send_response(status)
        if busy:
            self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def _address(server: Collector) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


def test_all_of_it_arrives_and_the_truth_is_written_on_the_way(collector: Collector, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = send(
        TOWN, _address(collector), "wk_demo", lambda *at: seen.append(at), truth=tmp_path, persons_per_chunk=15
    )
    assert report.n_events == len(collector.taken) == len(set(collector.taken))
    assert collector.keys == {"Basic d2tfZGVtbzo="}
    assert seen == [(15, 40), (30, 40), (40, 40)]
    assert load(tmp_path)["persons"].num_rows == 40


def test_a_busy_collector_is_asked_again(collector: Collector) -> None:
    collector.busy = 5
    report = send(TOWN, _address(collector), "wk_demo")
    assert len(collector.taken) == report.n_events
    assert report.n_requests > 5


def test_a_refusal_ends_it_and_names_the_key(collector: Collector) -> None:
    collector.status = 401
    with pytest.raises(InputError, match="ariane keys"):
        send(TOWN, _address(collector), "wk_wrong")


def test_nobody_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ariane.demo.sending.TRIES", 1)
    with pytest.raises(Transient, match="ariane serve"):
        send(Town(4, 2, date(2026, 4, 30)), "http://127.0.0.1:9", "wk_demo")
