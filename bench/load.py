"""A client that costs little: sends requests already encoded over kept-alive connections and waits for each answer.

`python -m bench.load HOST PORT CONNECTIONS TIMES FILE` sends every request of FILE (a MessagePack array of whole HTTP
requests) TIMES times and prints what it took as JSON. It is a process of its own, so that its cost is not the
collector's.
"""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from itertools import islice
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
    """Send from here: each connection sends its next request when the one before is answered. One alone looks for its
    answer without sleeping: the time until the client wakes up is not the collector's."""
    waiting = _repeated(requests, times)
    lines: dict[int, socket.socket] = {}
    sent: dict[int, float] = {}
    taken: list[float] = []
    clock, wait_s = time.perf_counter, 0 if connections == 1 else None
    began, worked = clock(), time.process_time()
    with select.epoll() as ready:
        for request in islice(waiting, connections):
            line = socket.create_connection((host, port))
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            at = line.fileno()
            lines[at], sent[at] = line, clock()
            line.sendall(request)
            ready.register(at, select.EPOLLIN)
        while lines:
            for at, _ in ready.poll(wait_s):
                line = lines[at]
                _hear(line)
                now = clock()
                taken.append(now - sent[at])
                following = next(waiting, None)
                if following is None:
                    ready.unregister(at)
                    lines.pop(at).close()
                else:
                    sent[at] = now
                    line.sendall(following)
    seconds, cpu = clock() - began, time.process_time() - worked
    taken.sort()
    p50, p99 = (1000 * taken[int(share * (len(taken) - 1))] for share in (0.5, 0.99))
    return Sent(len(taken), seconds, cpu, p50, p99)


def _hear(line: socket.socket) -> None:
    """Read one answer. RuntimeError when it is not 200, or ends early."""
    answer = line.recv(4_096)
    while not answer.endswith(b"}"):  # the body is a small JSON object
        more = line.recv(4_096)
        if not more:
            raise RuntimeError(f"cut short: {answer[:500]!r}")
        answer += more
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"refused: {answer[:500]!r}")


def _repeated(requests: Sequence[bytes], times: int) -> Iterator[bytes]:
    for _ in range(times):
        yield from requests


if __name__ == "__main__":
    where, at, lines, rounds, held = sys.argv[1:]
    encoded = msgspec.msgpack.decode(Path(held).read_bytes(), type=list[bytes])
    print(json.dumps(msgspec.to_builtins(drive(where, int(at), encoded, connections=int(lines), times=int(rounds)))))
