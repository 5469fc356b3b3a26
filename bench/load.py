"""A client that costs little: sends requests already encoded over kept-alive connections and waits for each answer.

`python -m bench.load HOST PORT CONNECTIONS TIMES FILE` sends every request of FILE (a MessagePack array of whole HTTP
requests) TIMES times and prints what it took as JSON. It is a process of its own, so that its cost is not the
collector's.
"""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec


class Sent(msgspec.Struct, frozen=True):
    """What a load took: all of its `n_requests` were answered with 200."""

    n_requests: int
    seconds: float
    cpu_s: float
    p50_ms: float
    p99_ms: float


def encode(path: str, body: bytes, write_key: str) -> bytes:
    """One HTTP request."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        f"authorization: Basic {b64encode(f'{write_key}:'.encode()).decode()}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def run(host: str, port: int, file: Path, *, connections: int, times: int = 1) -> Sent:
    """Send the requests of `file` from a process of its own; RuntimeError when one was refused."""
    command = [sys.executable, "-m", "bench.load", host, str(port), str(connections), str(times), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).resolve().parent.parent)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return msgspec.json.decode(done.stdout, type=Sent)


def drive(host: str, port: int, requests: Sequence[bytes], *, connections: int, times: int) -> Sent:
    """Send from here: each connection sends its next request when the one before is answered."""
    waiting, taken = _repeated(requests, times), []
    began, worked = time.perf_counter(), time.process_time()
    with selectors.DefaultSelector() as ready:
        for _ in range(connections):
            opened = socket.create_connection((host, port))
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _next(opened, waiting, ready)
        while ready.get_map():
            for key, _ in ready.select():
                line = key.fileobj
                assert isinstance(line, socket.socket)
                answer = line.recv(65_536)
                if not answer.startswith(b"HTTP/1.1 200"):
                    raise RuntimeError(f"refused: {answer[:500]!r}")
                while not answer.endswith(b"}"):  # the body is a small JSON object
                    more = line.recv(65_536)
                    if not more:
                        raise RuntimeError(f"cut short: {answer[:500]!r}")
                    answer += more
                taken.append(time.perf_counter() - key.data)
                _next(line, waiting, ready)
    seconds, cpu = time.perf_counter() - began, time.process_time() - worked
    taken.sort()
    p50, p99 = (1000 * taken[int(share * (len(taken) - 1))] for share in (0.5, 0.99))
    return Sent(len(taken), seconds, cpu, p50, p99)


def _repeated(requests: Sequence[bytes], times: int) -> Iterator[bytes]:
    for _ in range(times):
        yield from requests


def _next(line: socket.socket, waiting: Iterator[bytes], ready: selectors.BaseSelector) -> None:
    """Send the next request on this connection, or close it when there is none."""
    request = next(waiting, None)
    known = line.fileno() in ready.get_map()
    if request is None:
        if known:
            ready.unregister(line)
        line.close()
        return
    now = time.perf_counter()
    line.sendall(request)
    if known:
        ready.modify(line, selectors.EVENT_READ, now)
    else:
        ready.register(line, selectors.EVENT_READ, now)


if __name__ == "__main__":
    where, at, lines, rounds, held = sys.argv[1:]
    encoded = msgspec.msgpack.decode(Path(held).read_bytes(), type=list[bytes])
    print(json.dumps(msgspec.to_builtins(drive(where, int(at), encoded, connections=int(lines), times=int(rounds)))))
