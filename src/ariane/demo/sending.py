"""Post a town's events to a collector, as its sites, tills and switchboards would."""

from __future__ import annotations

import queue
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from ariane.demo.town import Town
from ariane.errors import InputError, Transient

Progress = Callable[[int, int], None]
"""Called with (persons sent so far, persons in all)."""

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
TRIES = 8


class SendReport(msgspec.Struct, frozen=True):
    """What was accepted, in how many requests, in how many seconds, generation included.

    >>> report = SendReport(n_events=280_000, n_requests=1_130, seconds=10.0)
    >>> report.n_events / report.seconds
    28000.0
    """

    n_events: int
    n_requests: int
    seconds: float


def send(
    town: Town,
    base_url: str,
    write_key: str,
    on_progress: Progress | None = None,
    *,
    truth: Path | None = None,
    connections: int = 2,
    persons_per_chunk: int = 250,
) -> SendReport:
    """Generate the town and post it to `base_url`/v1/batch over kept-alive connections, 64 bodies ahead of them.

    An answer that asks for patience (429, 503…) is tried again after its Retry-After. With `truth` the town's truth is
    written on the way. Raises InputError for a key or an event that is refused, Transient when the collector stays
    away.

    >>> send(Town(seed=7, n_persons=2), "ftp://127.0.0.1", "wk_demo")
    Traceback (most recent call last):
    ariane.errors.InputError: 'ftp://127.0.0.1' is no collector's address. Allowed: http://host:port.
    """
    started = time.perf_counter()
    waiting: queue.Queue[bytes | None] = queue.Queue(maxsize=64)
    posters = [_Poster(base_url, write_key, waiting) for _ in range(connections)]
    for poster in posters:
        poster.start()
    try:
        for n, chunk in enumerate(town.batches(persons_per_chunk, truth=truth), 1):
            for body in chunk:
                _put(waiting, body, posters)
            if on_progress is not None:
                on_progress(min(n * persons_per_chunk, town.n_persons), town.n_persons)
    finally:
        for _ in posters:
            _put(waiting, None, posters)
        for poster in posters:
            poster.join()
    for poster in posters:
        if poster.error is not None:
            raise poster.error
    return SendReport(
        sum(poster.n_events for poster in posters),
        sum(poster.n_requests for poster in posters),
        time.perf_counter() - started,
    )


def _put(waiting: queue.Queue[bytes | None], body: bytes | None, posters: list[_Poster]) -> None:
    """Hand a body over, unless nobody is left to take it."""
    while any(poster.is_alive() for poster in posters):
        for poster in posters:
            if poster.error is not None and body is not None:
                raise poster.error
        try:
            return waiting.put(body, timeout=0.2)
        except queue.Full:
            continue


class _Poster(threading.Thread):
    """One connection, kept alive."""

    def __init__(self, base_url: str, write_key: str, waiting: queue.Queue[bytes | None]) -> None:
        super().__init__(name="demo-poster", daemon=True)
        address = urlsplit(base_url)
        if address.scheme != "http" or address.hostname is None:
            raise InputError(f"'{base_url}' is no collector's address.", allowed="http://host:port")
        self._host, self._port = address.hostname, address.port or 80
        self._path = address.path.rstrip("/") + "/v1/batch"
        self._headers = {
            "Authorization": "Basic " + b64encode(f"{write_key}:".encode()).decode(),
            "Content-Type": "application/json",
        }
        self._waiting = waiting
        self._connection: HTTPConnection | None = None
        self.error: Exception | None = None
        self.n_events = self.n_requests = 0

    def run(self) -> None:
        try:
            for body in self._bodies():
                self._post(body)
                self.n_events += body.count(b'"messageId":"')
        except Exception as error:  # handed to the sender, which raises it
            self.error = error
        finally:
            if self._connection is not None:
                self._connection.close()

    def _bodies(self) -> Iterator[bytes]:
        while (body := self._waiting.get()) is not None:
            yield body

    def _post(self, body: bytes) -> None:
        said = ""
        for attempt in range(TRIES):
            pause = min(5.0, 0.1 * 2**attempt)
            try:
                status, after, said = self._ask(body)
            except (OSError, HTTPException) as error:
                self._hang_up()
                said = str(error)
            else:
                self.n_requests += 1
                if status == 200:
                    return
                if status not in RETRIED:
                    raise InputError(
                        f"The collector refused events of the town ({status}): {said[:300]}",
                        where=f"{self._host}:{self._port}{self._path}",
                        next_step="Check the write key with 'ariane keys'.",
                    )
                pause = after if after is not None else pause
            time.sleep(pause)
        raise Transient(
            f"The collector did not take events after {TRIES} tries: {said[:300]}",
            where=f"{self._host}:{self._port}",
            next_step="Start it with 'ariane serve', then send again: what was taken is not taken twice.",
        )

    def _ask(self, body: bytes) -> tuple[int, float | None, str]:
        if self._connection is None:
            self._connection = HTTPConnection(self._host, self._port, timeout=60)
        self._connection.request("POST", self._path, body, self._headers)
        answer = self._connection.getresponse()
        said = answer.read()
        after = answer.getheader("Retry-After")
        return answer.status, float(after) if after and after.isdigit() else None, said.decode("utf-8", "replace")

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
