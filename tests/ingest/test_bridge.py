"""Topics and messages, and a real broker: killed, restarted, full disks, nothing lost and nothing twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ariane import identity, settings
from ariane.errors import InputError, Transient
from ariane.ingest import encode, read
from ariane.ingest.bridges import Bridge, Message, read_topic, record_of
from ariane.model import Event
from ariane.settings import Bridge as Settings
from ariane.store import SegmentLog
from tests.mosquitto import Broker

TEMPLATE = "home/{home}/lamp/{object_serial}/{event}"


# ── topics and messages ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("template", "topic", "found"),
    [
        (TEMPLATE, "home/7/lamp/L-9/on", {"home": "7", "object_serial": "L-9", "event": "on"}),
        (TEMPLATE, "home/7/lamp/L-9", None),
        (TEMPLATE, "home/7/fridge/L-9/on", None),
        ("home/+/lamp/#", "home/7/lamp", {}),
        ("home/+/lamp/#", "home/7/lamp/a/b", {}),
        ("home/+/lamp/#", "home/7", None),
        ("#", "anything/at/all", {}),
        ("{object_serial}/#", "L-9/a", {"object_serial": "L-9"}),
    ],
)
def test_a_template_tells_its_topics(template: str, topic: str, found: dict[str, str] | None) -> None:
    assert read_topic(template).match(topic) == found


@pytest.mark.parametrize("template", ["", "a/#/b", "a/b+", "{a}/{a}", "a/{B}", "x{a}", "a/{a"])
def test_what_is_no_template_is_refused(template: str) -> None:
    with pytest.raises(InputError, match=r"template|same name"):
        read_topic(template)


def made(payload: bytes, topic: str = "home/7/lamp/L-9/on", **events: str) -> Event:
    record = record_of(
        Message(topic, payload, 5),
        read_topic(TEMPLATE),
        source="lamps",
        received_us=1_800_000_000_000_000,
        events=events,
    )
    return read(encode(record))


def test_a_message_becomes_an_event_of_its_object() -> None:
    event = made(b'{"value": 80, "ts": 1800000000, "room": "hall"}', on="Product Used")
    assert (event.name, event.channel, event.source) == ("Product Used", "object", "lamps")
    assert [str(found) for found in identity.identify(event)] == ["object_serial:L-9"]
    assert event.properties == {"home": "7", "reading": 80, "room": "hall", "ts": 1_800_000_000}
    assert event.occurred_us == 1_800_000_000_000_000
    reported = made(b"21.5")
    assert reported.name == "Object Reported" and reported.properties["reading"] == 21.5
    assert reported.properties["signal"] == "on"
    assert made(b"ON\n").properties["reading"] == "ON" and made(b"").properties == {"home": "7", "signal": "on"}
    named = made(b'{"event": "Object Error", "code": "E4"}', topic="elsewhere")
    assert named.name == "Object Error" and named.properties == {"code": "E4"}


@pytest.mark.parametrize("payload", [b"\xff\xfe\x00", b"x" * 40_000])
def test_a_payload_that_cannot_be_read_is_kept_with_the_reason(payload: bytes) -> None:
    event = made(payload)
    assert "payload" in event.context["ariane"]["invalid"] and event.properties["bytes"] == len(payload)


def test_ids_depend_on_what_the_message_says_of_itself() -> None:
    for name in (b"message_id", b"messageId"):
        assert made(b'{"%s": 4, "a": 1}' % name).event_id == made(b'{"%s": 4, "a": 2}' % name).event_id
    lamp = made(b'{"id": "lamp-9", "value": 20, "ts": 4}')
    assert lamp.event_id != made(b'{"id": "lamp-9", "value": 21, "ts": 5}').event_id
    assert made(b'{"id": 4, "a": 1}').event_id != made(b'{"id": 4, "a": 2}').event_id
    assert lamp.properties == {**lamp.properties, "id": "lamp-9", "reading": 20}
    assert made(b'{"ts": 4}').event_id == made(b'{"ts": 4}').event_id != made(b'{"ts": 5}').event_id
    assert made(b'{"message_id": 4}').event_id != made(b'{"message_id": 4}', topic="home/8/lamp/L-1/on").event_id


@given(st.binary(max_size=200), st.text(max_size=30))
def test_no_message_stops_the_bridge(payload: bytes, topic: str) -> None:
    event = made(payload, topic=topic.encode("utf-8", "replace").decode())
    assert event.event_id and event.occurred_us


# ── a real broker ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    started = Broker(tmp_path / "broker")
    started.start()
    yield started
    started.stop(kill=True)


@pytest.fixture
def shop(tmp_path: Path, broker: Broker) -> Path:
    folder = tmp_path / "shop"
    settings.create(folder)
    return folder


def publish(broker: Broker, numbers: range, topic: str = "home/7/lamp/L-9/on", *, same: bool = False) -> None:
    """Publish at QoS 1 and return once the broker has acknowledged every message."""
    from paho.mqtt.client import Client, MQTTv5
    from paho.mqtt.enums import CallbackAPIVersion

    client = Client(CallbackAPIVersion.VERSION2, "publisher", protocol=MQTTv5)
    client.max_inflight_messages_set(1_000)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    sent = [client.publish(topic, b"same" if same else json.dumps({"n": number}), qos=1) for number in numbers]
    for one in sent:
        one.wait_for_publish(30)
        assert one.is_published()
    client.disconnect()
    client.loop_stop()


def events_of(shop: Path, name: str = "lamps") -> list[Event]:
    log, offset, found = SegmentLog(shop / "log"), 0, []
    while offset < log.end(f"bridge-{name}"):
        batch = log.read(f"bridge-{name}", offset, 4_000_000)
        found += [read(record.payload) for record in batch.records]
        offset = batch.next_offset
    return found


def eventually(holds: Callable[[], bool], within_s: float = 90.0) -> None:
    until = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.05)


def following(shop: Path, broker: Broker, **more: Any) -> Bridge:
    bridge = Bridge(SegmentLog(shop / "log"), shop, "lamps", Settings(broker.address, (TEMPLATE,), **more))
    bridge.start()
    assert bridge.connected.wait(20)
    return bridge


@pytest.mark.needs("mosquitto")
def test_what_is_published_while_nobody_follows_waits(shop: Path, broker: Broker) -> None:
    bridge = following(shop, broker, events={"on": "Product Used"})
    publish(broker, range(50))
    eventually(lambda: bridge.n_written == 50)
    bridge.stop()
    publish(broker, range(50, 120))
    broker.stop()  # what waits is on the broker's disk
    broker.start()
    bridge = following(shop, broker)
    eventually(lambda: bridge.n_written == 70)
    bridge.stop()
    events = events_of(shop)
    assert [event.properties["n"] for event in events] == list(range(120))
    assert events[0].name == "Product Used" and events[-1].name == "Object Reported"
    assert len({event.event_id for event in events}) == 120


@pytest.mark.needs("mosquitto")
def test_equal_messages_are_each_an_event_and_states_are_none(shop: Path, broker: Broker) -> None:
    from paho.mqtt.publish import single

    single("home/7/lamp/L-9/on", "kept", qos=1, retain=True, hostname="127.0.0.1", port=broker.port)
    bridge = following(shop, broker)
    publish(broker, range(30), same=True)
    eventually(lambda: bridge.n_written == 30)
    bridge.stop()
    events = events_of(shop)
    assert len({event.event_id for event in events}) == 30 and {event.properties["reading"] for event in events} == {
        "same"
    }


class FullDisk:
    """A log's writer on a disk that is full for its first groups."""

    def __init__(self, writer: Any, refusals: int) -> None:
        self.writer, self.left, self.failed = writer, refusals, False

    def submit(self, payloads: Sequence[bytes], /) -> Future[int]:
        self.left -= 1
        if self.left >= 0:
            raise Transient("The disk is full.")
        done: Future[int] = self.writer.submit(payloads)
        return done

    def close(self) -> None:
        self.writer.close()


@pytest.mark.needs("mosquitto")
def test_a_full_disk_is_waited_out(shop: Path, broker: Broker) -> None:
    bridge = following(shop, broker)
    bridge._writer = FullDisk(bridge._writer, 5)  # type: ignore[assignment]
    publish(broker, range(40))
    eventually(lambda: bridge.n_written == 40)
    bridge.stop()
    assert sorted(event.properties["n"] for event in events_of(shop)) == list(range(40))


CHILD = """
import sys
from ariane.cli import main
main()
"""


@pytest.mark.needs("mosquitto")
def test_killed_at_any_instant_nothing_is_lost_and_nothing_counted_twice(shop: Path, broker: Broker) -> None:
    command = [sys.executable, "-c", CHILD, "bridge", "mqtt", broker.address, "--name", "lamps", "--topic", TEMPLATE]
    command += ["-w", str(shop)]

    def start() -> subprocess.Popen[bytes]:
        child = subprocess.Popen(command, stderr=subprocess.PIPE)
        assert child.stderr is not None and b"following" in child.stderr.readline()
        return child

    chance, sent = random.Random(7), 0
    child = start()
    for turn in range(4):
        publish(broker, range(sent, sent + 300), same=turn == 2)
        sent += 300
        time.sleep(chance.uniform(0, 0.05))
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        if turn == 1:
            broker.stop()
            broker.start()
        child = start()
    eventually(lambda: len({event.event_id for event in events_of(shop)}) >= sent)
    time.sleep(0.3)
    child.terminate()
    child.communicate(timeout=30)
    events = {event.event_id: event for event in events_of(shop)}
    numbers = [event.properties["n"] for event in events.values() if "n" in event.properties]
    same = [event for event in events.values() if event.properties.get("reading") == "same"]
    assert len(events) == sent == len(numbers) + len(same) and len(same) == 300
    assert sorted(numbers) == [*range(600), *range(900, 1_200)]


@pytest.mark.needs("mosquitto")
def test_a_served_workspace_follows_the_brokers_of_its_settings(shop: Path, broker: Broker) -> None:
    with (shop / "ariane.toml").open("a") as file:
        file.write(f'\n[bridges.lamps]\naddress = "{broker.address}"\ntopics = ["{TEMPLATE}"]\n')
        file.write('[bridges.lamps.events]\non = "Product Used"\n')
    assert settings.load(shop).bridges["lamps"].events == {"on": "Product Used"}
    worker = subprocess.Popen(
        [sys.executable, "-m", "ariane.processes.worker", "bridges", str(shop)], stderr=subprocess.PIPE
    )
    assert worker.stderr is not None and b"following" in worker.stderr.readline()
    publish(broker, range(20))
    eventually(lambda: len(events_of(shop)) == 20)
    worker.terminate()
    worker.communicate(timeout=30)
    assert worker.returncode == 0 and {event.name for event in events_of(shop)} == {"Product Used"}


@pytest.mark.parametrize("address", ["", "host:", "host:0", "host:99999", "host:port"])
def test_an_address_that_is_none_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(InputError, match="no address"):
        Bridge(SegmentLog(tmp_path / "log"), tmp_path, "lamps", Settings(address, (TEMPLATE,)))
