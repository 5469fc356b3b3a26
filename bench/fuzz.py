"""Whatever arrives, the answer is a documented one, what is acknowledged can be read back, and memory stays bounded.

`python -m bench.fuzz 1000000 [FIRST]` sends so many mutated bodies through `receive` and `read`;
`python -m bench.fuzz --http 100000 [FIRST]` so many mutated requests through a collector of its own. Body and request
of a number are always the same (`bench.mutating`), so a failure names the number to look at. `--workers N` shares the
numbers among N processes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from ariane import settings
from ariane.ingest import columns_of, read
from ariane.ingest.keys import Keys
from ariane.ingest.receive import Received, receive, receive_hook, receive_pixel
from ariane.ingest.routes import PIXELS, POSTED, Route
from ariane.store.segment import frame, parse
from bench.mutating import KEY, body, request

KEYS = Keys({KEY: ("web", "web")}, max_event_bytes=4_000, max_body_bytes=100_000)
NOW_US = 1_795_338_000_000_000
ROUTES = [route for route in POSTED.values() if route.kind != "metrics"]
HOOKS = ("sendgrid", "mailgun", "shopify", "till", "visits", "no-such")
STATUSES = frozenset({200, 400, 401, 404, 413})
TIMEOUT_S = 20.0


def check(route: Route, raw: bytes) -> int:
    """Send one body through receiver and reader; its status. AssertionError says what does not hold."""
    return checked(receive(route, {"authorization": f"Bearer {KEY}"}, raw, KEYS, NOW_US))


def checked(received: Received) -> int:
    """What must hold of any answer, and of the records it leaves."""
    status = received.reply.status
    assert status in STATUSES, status
    if received.reply.body[:3] != b"GIF":
        answer = json.loads(received.reply.body)
        assert answer == {"success": True} if status == 200 else set(answer) == {"code", "message"}
    assert received.n_invalid <= len(received.payloads)
    assert status == 200 or not received.payloads
    stored, damaged = parse(frame(received.payloads), 0)
    assert [record.payload for record in stored] == received.payloads and not damaged
    for payload in received.payloads:
        assert len(payload) <= KEYS.max_body_bytes + 4_000
        found = read(payload)
        assert found == read(payload), "reading is not pure"
        assert found.source == "web" and found.received_us == NOW_US and found.message_id and found.channel
        assert 631_152_000_000_000 <= found.occurred_us <= NOW_US + 86_400_000_000
        json.dumps([found.properties, found.context]).encode()
        for value in (found.name, found.channel, found.user_id, found.anonymous_id, *columns_of(found).values()):
            if isinstance(value, str):
                assert "\0" not in value and value.encode() is not None
            elif isinstance(value, int):
                assert -(2**63) <= value < 2**63
    return status


def one(number: int) -> int:
    """The body of this number, by a path that follows from the number too."""
    raw = body(number)
    if number % 50 == 0:
        path = f"/v1/hooks/{HOOKS[number // 50 % len(HOOKS)]}"
        return checked(receive_hook(path, {}, raw, KEYS, NOW_US, f"writeKey={KEY}"))
    if number % 50 == 1:
        query = f"writeKey={KEY}&" + raw.decode("latin-1")
        return checked(receive_pixel(sorted(PIXELS)[number % len(PIXELS)], {}, KEYS, NOW_US, query))
    return check(Route("batch") if b'"batch"' in raw[:40] and number % 9 else ROUTES[number % len(ROUTES)], raw)


def bodies(first: int, n: int) -> Counter[int]:
    """Answers by status. A crash or a broken promise raises, naming the number."""
    statuses: Counter[int] = Counter()
    for number in range(first, first + n):
        try:
            statuses[one(number)] += 1
        except Exception as error:
            raise RuntimeError(f"body {number}: {error!r}") from error
    return statuses


def requests(port: int, first: int, n: int, lines: int = 16) -> Counter[int]:
    """Send requests to a collector; answers by status, 0 for a connection closed without one."""
    statuses: Counter[int] = Counter()
    numbers = iter(range(first, first + n))
    with selectors.DefaultSelector() as ready:
        for _ in range(lines):
            _begin(port, next(numbers, None), ready, None)
        while ready.get_map():
            waited = ready.select(TIMEOUT_S)
            if not waited:
                stuck = [key.data for key in ready.get_map().values()]
                raise RuntimeError(f"no answer within {TIMEOUT_S:.0f} s to {stuck}")
            for key, _ in waited:
                line, (number, sound, fresh) = key.fileobj, key.data
                assert isinstance(line, socket.socket)
                status, open_ = _answer(line, number)
                if not status and sound and not fresh:  # it was being closed when the request went out
                    ready.unregister(line)
                    line.close()
                    _begin(port, number, ready, None)
                    continue
                statuses[status] += 1
                assert status < 500, f"request {number} was answered {status}"
                assert status or not sound, f"request {number} was not answered"
                ready.unregister(line)
                if not (sound and open_):
                    line.close()
                _begin(port, next(numbers, None), ready, line if sound and open_ else None)
    return statuses


def _begin(port: int, number: int | None, ready: selectors.BaseSelector, line: socket.socket | None) -> None:
    """Send the request of this number, on this connection or a fresh one."""
    if number is None:
        if line is not None:
            line.close()
        return
    raw, sound = request(number)
    fresh = line is None
    if line is None:
        line = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
    try:
        line.sendall(raw)
        if not sound:
            line.shutdown(socket.SHUT_WR)  # whatever its length says, there is no more
    except OSError:
        pass  # refused before it was all sent: the answer is there to be read
    ready.register(line, selectors.EVENT_READ, (number, sound, fresh))


def _answer(line: socket.socket, number: int) -> tuple[int, bool]:
    """The status of the answer, and whether the connection stays open."""
    got = b""
    try:
        while b"\r\n\r\n" not in got or got.startswith(b"HTTP/1.1 100"):
            if got.startswith(b"HTTP/1.1 100") and b"\r\n\r\n" in got:
                got = got.split(b"\r\n\r\n", 1)[1]
                continue
            more = line.recv(65_536)
            if not more:
                return (int(got[9:12]) if got[9:12].isdigit() else 0), False
            got += more
        head, _, rest = got.partition(b"\r\n\r\n")
        status, fields = int(head[9:12]), head.lower()
        length = 0
        if b"content-length:" in fields and not request(number)[0].startswith(b"HEAD"):
            length = int(fields.split(b"content-length:")[1].split(b"\r\n")[0])
        while len(rest) < length:
            more = line.recv(65_536)
            if not more:
                return status, False
            rest += more
    except ConnectionError:
        return (int(got[9:12]) if got[9:12].isdigit() else 0), False
    return status, b"connection: close" not in fields


def over_http(first: int, n: int) -> tuple[Counter[int], int]:
    """Answers by status from a collector started for it, and the most memory it held, in kB."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
        probe.close()
        settings.create(Path(folder) / "w", sources={"web": settings.Source(KEY, "web")})
        command = [sys.executable, "-m", "granian", "--interface", "rsgi", "--factory", "--log-level", "critical"]
        command += ["--no-ws", "--host", "127.0.0.1", "--port", str(port), "ariane.ingest.collector:create_app"]
        server = subprocess.Popen(command, env=os.environ | {"ARIANE_WORKSPACE": str(Path(folder) / "w")})
        try:
            _wait(port, server)
            statuses = requests(port, first, n)
            assert server.poll() is None, "the collector ended"
            return statuses, _peak_kb(server.pid)
        finally:
            server.terminate()
            server.wait(20)


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the collector did not start")


def _peak_kb(pid: int) -> int:
    """The most memory the process or one it started has held (Linux)."""
    children = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    lines = [line for each in (pid, *children) for line in Path(f"/proc/{each}/status").read_text().splitlines()]
    return max(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__)
    parser.add_argument("n", type=int)
    parser.add_argument("first", type=int, nargs="?", default=0)
    parser.add_argument("--http", action="store_true")
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    began = time.perf_counter()
    if asked.http:
        statuses, peak = over_http(asked.first, asked.n)
    else:
        share = -(-asked.n // asked.workers)
        firsts = range(asked.first, asked.first + asked.n, share)
        with ProcessPoolExecutor(asked.workers) as pool:
            statuses = sum(pool.map(bodies, firsts, [share] * len(firsts)), Counter[int]())
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    said = ", ".join(f"{status}: {count:,}" for status, count in sorted(statuses.items()))
    seconds = time.perf_counter() - began
    print(f"{statuses.total():,} in {seconds:.0f} s; answers {said}; at most {peak / 1024:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
