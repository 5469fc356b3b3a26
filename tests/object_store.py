"""An S3 server for one test run: SeaweedFS on loopback, in a folder of its own, gone at the end."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

GRPC = 10_000
"""Its gRPC ports are this much above the others."""
KEYS = {"AWS_ACCESS_KEY_ID": "ariane", "AWS_SECRET_ACCESS_KEY": "ariane-secret", "AWS_REGION": "us-east-1"}
IDENTITIES = (
    '{"identities":[{"name":"ariane","credentials":[{"accessKey":"ariane","secretKey":"ariane-secret"}],'
    '"actions":["Admin","Read","Write","List","Tagging"]}]}'
)


def program() -> str | None:
    """The server, beside this Python or on PATH."""
    beside = Path(sys.executable).parent / "weed"
    return str(beside) if beside.exists() else shutil.which("weed")


def _free_ports(count: int) -> list[int]:
    """Ports whose tenthousands neighbour is free too: the server speaks gRPC there."""
    found: list[int] = []
    while len(found) < count:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port < 55_000 and port not in found:
            found.append(port)
    return found


@contextmanager
def served(folder: Path, bucket: str) -> Iterator[dict[str, str]]:
    """Run a server over `folder` with one bucket; give the environment its clients need."""
    weed = program()
    assert weed is not None
    folder.mkdir(parents=True)
    (folder / "identities.json").write_text(IDENTITIES)
    s3, master, volume, filer = _free_ports(4)
    command = [
        weed, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}", "-s3", f"-s3.port={s3}",
        f"-s3.config={folder / 'identities.json'}", f"-master.port={master}", f"-volume.port={volume}",
        f"-filer.port={filer}", "-master.volumeSizeLimitMB=64", "-volume.max=30", "-master.telemetry=false",
        "-s3.port.iceberg=0", "-s3.port.lance=0",
    ]  # fmt: skip
    with (folder.parent / f"{folder.name}.log").open("wb") as said:
        server = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    try:
        _wait(f"http://127.0.0.1:{s3}/status", server)
        _make(weed, master, bucket)
        yield KEYS | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3}", "AWS_ALLOW_HTTP": "true"}
    finally:
        server.terminate()
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)
        for port in (s3, master, volume, filer):  # a killed server leaves its sockets
            for left in (
                *Path("/tmp").glob(f"seaweedfs-*-{port}.sock"),
                *Path("/tmp").glob(f"seaweedfs-*-{port + GRPC}.sock"),
            ):
                left.unlink(missing_ok=True)


def _make(weed: str, master: int, bucket: str) -> None:
    for _ in range(50):
        said = subprocess.run(
            [weed, "shell", f"-master=127.0.0.1:{master}"], input=f"s3.bucket.create -name {bucket}\n",
            capture_output=True, text=True, timeout=60, env=os.environ | {"HOME": "/tmp"},
        ).stdout  # fmt: skip
        if "created bucket" in said:
            return
        time.sleep(0.2)
    raise AssertionError(f"The bucket could not be made: {said}")


def _wait(address: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert server.poll() is None, "the object store stopped while it started"
        try:
            with urlopen(address, timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise AssertionError("The object store did not answer within 30 s")
