"""Pages of a site of its own, for browsers that talk to the collector from there."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, silently; one of them slowly."""

    def do_GET(self) -> None:
        if self.path.startswith("/slow.png"):
            time.sleep(0.8)
        super().do_GET()

    def log_message(self, *_said: object) -> None:
        pass


@contextmanager
def page_server(folder: Path) -> Iterator[str]:
    """Serve `folder`; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
