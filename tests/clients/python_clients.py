"""`python_clients.py NAME HOST WRITE_KEY N`: N events through an official Python client, until all are delivered."""

from __future__ import annotations

import sys
import time
from typing import Any


def main(name: str, host: str, write_key: str, count: int) -> int:
    """1 when the client gave one up."""
    refused: list[object] = []
    options: dict[str, Any] = {"host": host, "on_error": lambda *e: refused.append(e), "max_queue_size": 100_000}
    if name == "segment_python":
        from segment.analytics import Client

        client = Client(write_key, max_retries=100, **options)
    else:
        from rudderstack.analytics.client import Client as RudderClient

        client = RudderClient(write_key, max_retries=100, **options)
    for n in range(count):
        client.track(anonymous_id=f"{name}-{n % 40}", event=name, properties={"n": n})
        if n % 100 == 99:
            time.sleep(0.06)
    client.flush()
    client.join()
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
