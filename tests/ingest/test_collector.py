"""The collector as a process: the official client, keys that change, a full disk, and the console behind it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from ariane.ingest import read
from ariane.ingest.lag import note
from ariane.model import Event
from ariane.settings import Source, add_source, create
from ariane.store import SegmentLog

AUTH = {"authorization": "Basic " + b64encode(b"wk_test:").decode()}


LEFT = threading.Event()
"""Set when the console notices that whoever read its stream has gone."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(
    workspace: Path, console_port: int | None = None, interface: str = "rsgi", workers: int = 1
) -> Iterator[httpx.Client]:
    port = free_port()
    factory = "create_app" if interface == "rsgi" else "create_asgi"
    command = [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        interface,
        "--factory",
        f"ariane.ingest.collector:{factory}",
    ]
    command += [
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--log-level",
        "error",
        "--no-ws",
        "--workers",
        str(workers),
    ]
    environment = os.environ | {"ARIANE_WORKSPACE": str(workspace), "PYTHONPATH": os.pathsep.join(sys.path)}
    environment["ARIANE_COLLECTOR_WORKERS"] = str(workers)
    if console_port:
        environment["ARIANE_CONSOLE_PORT"] = str(console_port)
    process = subprocess.Popen(command, env=environment)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            for _ in range(400):
                try:
                    if client.get("/healthz").status_code == 200:
                        break
                except httpx.TransportError:
                    assert process.poll() is None, "the collector ended"
                    time.sleep(0.05)
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("workspace") / "town"
    create(path, sources={"web": Source("wk_test", "web")})
    return path


@pytest.fixture(scope="module")
def console() -> Iterator[int]:
    """A console that tells what it was sent."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Console)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


class Console(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path in ("/stream", "/endless"):
            return self.stream(3 if self.path == "/stream" else 1_000)
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "/login?next=%2Fa%20b")
            self.send_header("Set-Cookie", "a=1; Path=/")
            self.send_header("Set-Cookie", "b=2; Path=/; HttpOnly")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        length = int(self.headers.get("content-length") or 0)
        content = self.rfile.read(length).decode()
        told = {"method": self.command, "path": self.path, "headers": dict(self.headers.items()), "content": content}
        body = json.dumps(told).encode() + b" " * (200_000 if self.path.startswith("/large") else 0)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        return None

    do_POST = do_HEAD = do_PUT = do_DELETE = do_GET

    def stream(self, n_parts: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for n in range(n_parts):
            piece = f"data: {n} {time.time()}\n\n".encode()
            try:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            except OSError:
                LEFT.set()
                return
            time.sleep(0.15 if n_parts == 3 else 0.01)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def client(workspace: Path, console: int) -> Iterator[httpx.Client]:
    with serving(workspace, console) as client:
        yield client


def stored(workspace: Path) -> list[Event]:
    log = SegmentLog(workspace / "log")
    return [read(r.payload) for partition in log.partitions() for r in log.read(partition, 0, 1 << 24).records]


def eventually(found: Callable[[], bool], within_s: float = 40) -> bool:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if found():
            return True
        time.sleep(0.05)
    return found()


@pytest.mark.parametrize("compressed", [False, True])
def test_the_official_client_unchanged(client: httpx.Client, workspace: Path, compressed: bool) -> None:
    from segment.analytics import Client

    refused: list[object] = []
    sender = Client(
        "wk_test", host=str(client.base_url).rstrip("/"), gzip=compressed, on_error=lambda *e: refused.append(e)
    )
    mark = f"official-{compressed}"
    sender.identify(mark, {"email": "ana@example.org"})
    sender.track(mark, "Order Completed", {"revenue": 12.5, "order_id": "o-1"})
    sender.page(mark, "Docs", "Home", {"path": "/"})
    sender.screen(mark, "Shop", "Basket")
    sender.group(mark, "g-1", {"plan": "pro"})
    sender.alias("before", mark)
    for n in range(250):
        sender.track(anonymous_id=f"a-{n}", event=mark, properties={"n": n})
    sender.flush()
    sender.join()
    found = [event for event in stored(workspace) if event.user_id == mark or event.name == mark]
    assert not refused and len(found) == 256
    assert [event.type for event in found[:6]] == ["identify", "track", "page", "screen", "group", "alias"]
    assert sorted(event.properties["n"] for event in found[6:]) == list(range(250))
    assert {event.source for event in found} == {"web"} and not any("ariane" in event.context for event in found)
    assert found[5].properties["previousId"] == "before"


def test_an_event_is_in_the_log_when_200_comes_back(client: httpx.Client, workspace: Path) -> None:
    for n in range(5):
        reply = client.post(
            "/v1/track", headers=AUTH, content=json.dumps({"event": "Stored", "messageId": f"stored-{n}"})
        )
        assert (reply.status_code, reply.json(), reply.content) == (200, {"success": True}, b'{"success": true}')
        assert f"stored-{n}" in {event.message_id for event in stored(workspace)}


def test_any_content_type_and_a_trailing_slash(client: httpx.Client) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "", "%"):
        reply = client.post("/v1/t/", headers=AUTH | {"content-type": kind}, content=b'{"event":"A"}')
        assert reply.status_code == 200


def test_a_browser_may_send_from_anywhere(client: httpx.Client) -> None:
    asked = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    # RudderStack's browser library adds headers of its own when it tries again.
    for path in ("/v1/t", "/v1/batch", "/sourceConfig/", "/v1/projects/wk_test/settings", "/beacon/v1/batch"):
        wanted = {"access-control-request-headers": "authorization,rsa-retry-reason,rsa-since-last-attempt"}
        reply = client.options(path, headers=asked | wanted)
        assert reply.status_code == 204 and reply.headers["access-control-allow-origin"] == "*"
        allowed = reply.headers["access-control-allow-headers"].lower().split(", ")
        assert {"authorization", "content-type", "x-retry-count", "anonymousid", "rsa-retry-reason"} <= set(allowed)
    odd = client.options("/v1/t", headers=asked | {"access-control-request-headers": "a b; <script>"})
    assert "script" not in odd.headers["access-control-allow-headers"]
    for reply in (client.post("/v1/t", content=b"{}"), client.post("/v1/t", headers=AUTH, content=b'{"event":"A"}')):
        assert reply.headers["access-control-allow-origin"] == "*"


def test_refusals_are_json_and_never_redirects(client: httpx.Client) -> None:
    for reply, status in (
        (client.post("/v1/track", content=b'{"event":"A"}'), 401),
        (client.post("/v1/track", headers=AUTH, content=b"{"), 400),
        (client.post("/v1/batch", headers=AUTH, content=b" " * 5_000_000), 413),
        (client.get("/v1/track"), 405),
        (client.post("/v1/unknown", headers=AUTH), 404),
        (client.post("/v1/p", content=b""), 400),
    ):
        assert reply.status_code == status and set(reply.json()) == {"code", "message"}


def test_a_body_sent_in_chunks_is_read_whole_and_bounded(client: httpx.Client) -> None:
    reply = client.post("/v1/track", headers=AUTH, content=iter([b'{"event":', b'"Chunked"', b"}"]))
    assert reply.status_code == 200
    reply = client.post("/v1/track", headers=AUTH, content=(b" " * 100_000 for _ in range(60)))
    assert reply.status_code == 413


def test_settings_name_this_very_server(client: httpx.Client) -> None:
    reply = client.get("/v1/projects/wk_test/settings")
    own = reply.json()["integrations"]["Segment.io"]
    host = str(client.base_url).split("//")[1].rstrip("/")
    assert (own["apiKey"], own["apiHost"], own["protocol"]) == ("wk_test", f"{host}/v1", "http")
    assert reply.json()["metrics"]["sampleRate"] == 0 and reply.headers["access-control-allow-origin"] == "*"
    behind = {"x-forwarded-proto": "https", "x-forwarded-host": "events.shop.example"}
    own = client.get("/v1/projects/wk_test/settings", headers=behind).json()["integrations"]["Segment.io"]
    assert (own["apiHost"], own["protocol"]) == ("events.shop.example/v1", "https")
    odd = client.get("/v1/projects/wk_test/settings", headers={"x-forwarded-host": "<b>"}).json()
    assert odd["integrations"]["Segment.io"]["apiHost"] == "localhost/v1"
    assert client.get("/v1/projects/nobody/settings").status_code == 404
    for given in ({"headers": AUTH}, {"params": {"writeKey": "wk_test"}}):
        source = client.get("/sourceConfig/", **given).json()["source"]
        assert source["enabled"] and source["destinations"] == [] and source["id"] == "web" and "config" in source
    assert client.get("/sourceConfig/").status_code == 401


def test_what_a_library_measures_of_itself_is_taken(client: httpx.Client) -> None:
    for body in ('{"series":[{"type":"Counter","metric":"analytics_js.invoke","value":1}]}', "{", ""):
        assert client.post("/v1/m", content=body).json() == {"success": True}


def test_a_pixel_is_an_event_and_an_image(client: httpx.Client, workspace: Path) -> None:
    reply = client.get("/pixel/v1/track", params={"writeKey": "wk_test", "event": "Seen", "anonymousId": "pixel"})
    assert (reply.status_code, reply.headers["content-type"], reply.content[:6]) == (200, "image/gif", b"GIF89a")
    assert "Seen" in {event.name for event in stored(workspace)}
    assert client.get("/pixel/v1/track", params={"event": "Seen"}).status_code == 401
    assert client.post("/pixel/v1/track").status_code == 405


def test_a_provider_posts_what_happened(client: httpx.Client, workspace: Path) -> None:
    body = {"email": "ana@example.org", "event": "open", "timestamp": 1767225600, "sg_event_id": "e-9"}
    assert client.post("/v1/hooks/sendgrid?writeKey=wk_test", json=[body]).json() == {"success": True}
    assert "Email Opened" in {event.name for event in stored(workspace)}
    assert client.post("/v1/hooks/nobody?writeKey=wk_test", json=[body]).status_code == 404


@pytest.mark.parametrize("name", ["segment", "rudder"])
@pytest.mark.parametrize("refusal", [503, 429])
def test_a_refusal_that_may_pass_costs_official_clients_nothing(tmp_path: Path, name: str, refusal: int) -> None:
    if name == "segment":
        from segment.analytics import Client
    else:
        from rudderstack.analytics.client import Client
    path = tmp_path / "w"
    create(path, sources={"web": Source("wk_test", "web")})
    text = (path / "ariane.toml").read_text()
    (path / "ariane.toml").write_text("max_lag_bytes = 1\n" + text)
    holder = SegmentLog(path / "log").writer("web-0")
    end = holder.append([b'{"receivedUs":1}'])
    note(path, "stream", "web-0", 0 if refusal == 429 else end)
    if refusal == 429:
        holder.close()
    refused: list[object] = []
    with serving(path) as client:
        probe = {"event": "A", "writeKey": "wk_test", "messageId": "probe"}
        seen: set[int] = set()
        assert eventually(lambda: seen.add(client.post("/v1/track", json=probe).status_code) or refusal in seen)
        sender = Client(
            "wk_test", host=str(client.base_url).rstrip("/"), on_error=lambda *e: refused.append(e), max_retries=100
        )
        for n in range(20):
            sender.track(anonymous_id="a", event="Sent", properties={"n": n})
        time.sleep(0.5)
        (path / "ariane.toml").write_text("max_lag_bytes = 0\n" + text)
        holder.close()
        sender.flush()
        sender.join()
        found = [event for event in _readable(path) if event.name == "Sent"]
    assert not refused and sorted(event.properties["n"] for event in found) == list(range(20))


def _readable(workspace: Path) -> list[Event]:
    records = SegmentLog(workspace / "log").read("web-0", 0, 1 << 24).records
    return [read(record.payload) for record in records if b'"messageId"' in record.payload]


def test_health_and_metrics(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.head("/readyz").status_code == 200 and client.head("/healthz").content == b""
    assert client.post("/readyz").status_code == 405
    text = client.get("/metrics").text
    values = {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line[0] != "#"}
    assert values['ariane_ingest_accepted_events_total{partition="web-0"}'] > 0
    buckets = [value for name, value in values.items() if name.startswith("ariane_log_sync_seconds_bucket")]
    assert buckets == sorted(buckets) and buckets[-1] == values['ariane_log_sync_seconds_count{partition="web-0"}'] > 0


def test_a_new_write_key_works_without_a_restart(client: httpx.Client, workspace: Path) -> None:
    source = add_source(workspace, "till", "store")
    body = json.dumps({"event": "Store Visited", "messageId": "from-the-till", "writeKey": source.write_key})
    assert eventually(lambda: client.post("/v1/track", content=body).status_code == 200, 5)
    (event,) = [event for event in stored(workspace) if event.message_id == "from-the-till"][:1]
    assert (event.source, event.channel) == ("till", "store")
    with (workspace / "ariane.toml").open("a") as file:
        file.write("\nbroken = [")
    time.sleep(1.2)
    assert client.post("/v1/track", content=body).status_code == 200


def test_everything_else_is_the_consoles(client: httpx.Client) -> None:
    told = client.get("/people/a%20b?q=%C3%A9&x=1", headers={"cookie": "s=1; t=2", "accept-language": "fr"}).json()
    assert (told["method"], told["path"]) == ("GET", "/people/a%20b?q=%C3%A9&x=1")
    headers = {name.lower(): value for name, value in told["headers"].items()}
    assert headers["cookie"] == "s=1; t=2" and headers["accept-language"] == "fr"
    assert headers["host"] == headers["x-forwarded-host"] == str(client.base_url).split("//")[1].rstrip("/")
    assert headers["x-forwarded-for"] == "127.0.0.1" and headers["x-forwarded-proto"] == "http"
    told = client.post("/api/segments", content=b"a=1&b=2", headers={"x-forwarded-for": "6.6.6.6"}).json()
    assert (told["method"], told["content"]) == ("POST", "a=1&b=2")
    assert {name.lower(): value for name, value in told["headers"].items()}["x-forwarded-for"] == "127.0.0.1"
    assert client.head("/").status_code == 200
    assert len(client.get("/large").content) > 200_000
    assert client.get("/v1x").json()["path"] == "/v1x"


def test_what_is_the_consoles_is_answered_under_our_names_only(client: httpx.Client) -> None:
    evil = {"host": "evil.test", "origin": "http://evil.test"}
    for reply in (client.get("/sources", headers=evil), client.post("/sources", headers=evil, content=b"name=a")):
        assert reply.status_code == 421 and reply.json()["code"] == "misdirected" and "hosts" in reply.json()["message"]
    page = client.get("/sources", headers={"host": "<b>.test", "accept": "text/html"})
    assert page.status_code == 421 and "'hosts'" in page.text.replace("&#x27;", "'") and "<b>" not in page.text
    assert client.get("/sources", headers={"host": "localhost"}).json()["path"] == "/sources"
    body = b'{"event":"A","messageId":"by-another-name"}'
    assert client.post("/v1/track", headers=AUTH | evil, content=body).status_code == 200
    assert client.get("/healthz", headers=evil).status_code == 200


def test_redirects_and_cookies_of_the_console_pass_unchanged_and_are_not_kept(client: httpx.Client) -> None:
    reply = client.get("/away")
    client.cookies.clear()
    assert reply.status_code == 302 and reply.headers["location"] == "/login?next=%2Fa%20b"
    assert reply.headers.get_list("set-cookie") == ["a=1; Path=/", "b=2; Path=/; HttpOnly"]
    assert "cookie" not in {name.lower() for name in client.get("/").json()["headers"]}


def test_a_stream_arrives_as_it_is_written(client: httpx.Client) -> None:
    with client.stream("GET", "/stream") as reply:
        assert reply.headers["content-type"] == "text/event-stream"
        arrivals = [(float(line.split()[2]), time.time()) for line in reply.iter_lines() if line]
    assert len(arrivals) == 3 and arrivals[0][1] < arrivals[2][0], "the first part waited for the last"


def test_a_reader_who_leaves_a_stream_frees_the_console(client: httpx.Client) -> None:
    with client.stream("GET", "/endless") as reply:
        next(reply.iter_lines())
    assert LEFT.wait(8)
    assert client.get("/").status_code == 200


def test_the_page_while_the_console_is_not_up(tmp_path: Path) -> None:
    create(tmp_path / "w", sources={"web": Source("wk_test", "web")})
    with serving(tmp_path / "w", free_port()) as client:
        page = client.get("/people", headers={"accept": "text/html,*/*"})
        assert page.status_code == 503 and "The console is starting" in page.text
        assert client.get("/api/people").json()["code"] == "unavailable"
        assert client.post("/v1/track", headers=AUTH, content=b'{"event":"A"}').status_code == 200


def test_another_server_can_run_it_too(tmp_path: Path) -> None:
    create(tmp_path / "w", sources={"web": Source("wk_test", "web")})
    with serving(tmp_path / "w", interface="asgi") as client:
        assert client.post("/v1/track", headers=AUTH, content=b'{"event":"A","messageId":"asgi"}').json() == {
            "success": True
        }
        assert client.post("/v1/track", content=b"{}").status_code == 401
        assert client.get("/healthz").status_code == 200 and client.get("/").status_code == 404
    assert [event.message_id for event in stored(tmp_path / "w")] == ["asgi"]


def test_each_worker_has_a_partition_of_its_own(tmp_path: Path) -> None:
    create(tmp_path / "w", sources={"web": Source("wk_test", "web")})
    with serving(tmp_path / "w", workers=2):
        assert eventually(lambda: SegmentLog(tmp_path / "w" / "log").partitions() == ["web-0", "web-1"])
        time.sleep(1)  # a worker of granian's does not hear that it shall end while it is only starting


def test_whichever_worker_is_asked_tells_of_all(tmp_path: Path) -> None:
    create(tmp_path / "w", sources={"web": Source("wk_test", "web")})
    with serving(tmp_path / "w", workers=2) as client:
        assert eventually(lambda: SegmentLog(tmp_path / "w" / "log").partitions() == ["web-0", "web-1"])
        for number in range(60):  # over connections of their own, which the kernel deals out
            body = json.dumps({"event": "A", "messageId": f"m-{number}"})
            assert httpx.post(f"{client.base_url}/v1/track", headers=AUTH, content=body).status_code == 200

        def told() -> dict[str, int]:
            name = "ariane_ingest_accepted_events_total"
            lines = httpx.get(f"{client.base_url}/metrics").text.splitlines()
            return {line.split('"')[1]: int(line.split()[-1]) for line in lines if line.startswith(f"{name}{{")}

        for _ in range(10):
            assert eventually(lambda: sum(told().values()) == 60, 10)
        assert set(told()) == {"web-0", "web-1"}
        time.sleep(1)  # a worker of granian's does not hear that it shall end while it is only starting


def test_a_partition_held_elsewhere_is_503_until_it_is_free(tmp_path: Path) -> None:
    create(tmp_path / "w", sources={"web": Source("wk_test", "web")})
    with SegmentLog(tmp_path / "w" / "log").writer("web-0") as holder, serving(tmp_path / "w") as client:
        reply = client.post("/v1/track", headers=AUTH, content=b'{"event":"A"}')
        assert reply.status_code == 503 and int(reply.headers["retry-after"]) >= 1
        assert reply.json()["code"] == "unavailable" and client.get("/readyz").status_code == 503
        holder.close()
        assert eventually(lambda: client.post("/v1/track", headers=AUTH, content=b'{"event":"A"}').status_code == 200)
        assert client.get("/readyz").status_code == 200


@pytest.mark.needs("root")
def test_a_full_disk_is_503_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    create(tmp_path / "w", sources={"web": Source("wk_test", "web")})
    (tmp_path / "w" / "log").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "ariane-test", str(tmp_path / "w" / "log")]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a small file system here")
    try:
        with serving(tmp_path / "w") as client:
            acknowledged = 0
            ballast = tmp_path / "w" / "log" / "ballast"
            ballast.write_bytes(b"0" * 500_000)
            batch = json.dumps({"batch": [{"type": "track", "event": "A", "properties": {"x": "y" * 900}}] * 50})
            while (reply := client.post("/v1/batch", headers=AUTH, content=batch)).status_code == 200:
                acknowledged += 50
            assert reply.status_code == 503 and "disk is full" in reply.json()["message"]
            assert int(reply.headers["retry-after"]) >= 1
            assert len(stored(tmp_path / "w")) == acknowledged
            ballast.unlink()
            assert client.post("/v1/batch", headers=AUTH, content=batch).status_code == 200
            assert len(stored(tmp_path / "w")) == acknowledged + 50
    finally:
        subprocess.run(["umount", "-l", str(tmp_path / "w" / "log")], check=True)


def test_a_client_that_leaves_half_way_harms_nobody(client: httpx.Client) -> None:
    host, port = client.base_url.host, client.base_url.port
    for _ in range(5):
        connection = http.client.HTTPConnection(host, port, timeout=20)
        connection.putrequest("POST", "/v1/track")
        connection.putheader("Content-Length", "1000")
        connection.endheaders()
        connection.send(b'{"event":')
        connection.close()
    assert client.post("/v1/track", headers=AUTH, content=b'{"event":"A"}').status_code == 200
