"""Follows an MQTT broker: at least once on the wire, exactly once in the log.

A message is acknowledged after the log's fsync and not before; the session outlives us, so what is published while we
are down waits at the broker. What we wrote but could not acknowledge is delivered again with its packet identifier and
marked so (MQTT 5.0 §4.4, [MQTT-4.4.0-1]; 3.1.1 the same): it is looked for among the last messages written, which are
more than may be unacknowledged at a time, and acknowledged without being written again.
"""

from __future__ import annotations

import secrets
import sys
import threading
import time
from collections import OrderedDict
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ariane.errors import ArianeError, InputError
from ariane.ingest.bridges.messages import Message, record_of
from ariane.ingest.bridges.topics import Topic, read_topic
from ariane.ingest.record import encode
from ariane.settings import Bridge as Settings
from ariane.store.ports import Log

if TYPE_CHECKING:
    from paho.mqtt.client import Client

UNACKNOWLEDGED = 500
"""How many messages the broker may have on their way to us."""
REMEMBERED = 4 * UNACKNOWLEDGED
SESSION_S = 30 * 86_400
"""How long the broker keeps what we missed."""
TAIL_BYTES = 8 << 20
RETRY_S = 1.0
"""How long after a message that could not be stored the broker is asked for it again."""


class _Known(msgspec.Struct):
    """The messages written last, by the number the broker gave them and their content."""

    kept: OrderedDict[tuple[int, str], None] = msgspec.field(default_factory=OrderedDict)

    def add(self, number: int, content: str) -> None:
        self.kept[number, content] = None
        self.kept.move_to_end((number, content))
        while len(self.kept) > REMEMBERED:
            self.kept.popitem(last=False)


class Bridge:
    """One broker followed into one partition of the log. `start` returns at once; `stop` once all is on disk."""

    def __init__(self, log: Log, workspace: Path, name: str, settings: Settings) -> None:
        self.name, self.settings = name, settings
        self.topics: list[Topic] = [read_topic(template) for template in settings.topics]
        if not self.topics:
            raise InputError("A bridge without topics brings nothing.", where=f"bridges.{name}", allowed="topics")
        self.host, self.port = _address(settings.address, settings.tls, f"bridges.{name}")
        self._log = log
        self._writer = log.writer(f"bridge-{name}")
        self._known, self._lock = _recalled(self._log, f"bridge-{name}"), threading.Lock()
        self._pending: dict[tuple[int, str], Future[int]] = {}
        self._session = 0
        self._again: threading.Timer | None = None
        self.n_written = self.n_again = self.n_retained = 0
        self.connected = threading.Event()
        self._client_id = _client_id(workspace, name, settings)
        self._client = self._made()

    def _made(self) -> Client:
        from paho.mqtt.client import Client, MQTTv5
        from paho.mqtt.enums import CallbackAPIVersion

        client = Client(CallbackAPIVersion.VERSION2, self._client_id, protocol=MQTTv5, manual_ack=True)
        if self.settings.username:
            client.username_pw_set(self.settings.username, self.settings.password or None)
        if self.settings.tls:
            client.tls_set(ca_certs=self.settings.ca or None)
        client.reconnect_delay_set(1, 30)
        client.on_connect, client.on_message = self._on_connect, self._on_message
        client.on_subscribe, client.on_disconnect = self._on_subscribe, self._on_disconnect
        return client

    def start(self) -> None:
        """Connect, now or when the broker is there, and follow it from then on."""
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        wanted = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        wanted.SessionExpiryInterval, wanted.ReceiveMaximum = SESSION_S, UNACKNOWLEDGED
        self._client.connect_async(self.host, self.port, keepalive=30, clean_start=False, properties=wanted)
        self._client.loop_start()

    def stop(self) -> None:
        """Take nothing more, wait until what was taken is on disk, and let the partition go."""
        if self._again is not None:
            self._again.cancel()
        self._client.disconnect()
        self._client.loop_stop()
        self._writer.close()

    def _on_connect(self, client: Client, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        if reason.is_failure:
            _say(self.name, f"the broker refuses: {reason}")
            return
        from paho.mqtt.subscribeoptions import SubscribeOptions

        with self._lock:
            self._session += 1
        once = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        client.subscribe([(topic.filter, once) for topic in self.topics])

    def _on_subscribe(self, _client: Client, _data: object, _mid: int, reasons: list[Any], _properties: object) -> None:
        """Only now does the broker keep for us what is published."""
        refused = [f"{topic.filter} ({why})" for topic, why in zip(self.topics, reasons, strict=True) if why.is_failure]
        if refused:
            _say(self.name, f"the broker refuses {', '.join(refused)}")
        if len(refused) < len(self.topics):
            self.connected.set()
            _say(self.name, f"following {self.host}:{self.port}")

    def _on_disconnect(self, _client: Client, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        self.connected.clear()
        if reason.is_failure:
            _say(self.name, f"the connection ended: {reason}")

    def _on_message(self, _client: Client, _data: object, arrived: Any) -> None:
        """Runs in the client's thread: hands the message to the log's writer and returns."""
        with self._lock:
            session = self._session
        try:
            message = Message(arrived.topic, bytes(arrived.payload), arrived.mid, bool(arrived.dup))
        except UnicodeDecodeError:
            self._acknowledge(arrived.mid, arrived.qos, session)
            return
        if arrived.retain:  # how things stood before we came: a state, not an event
            self.n_retained += 1
            self._acknowledge(arrived.mid, arrived.qos, session)
            return
        key = (message.number, message.content)
        if message.again and arrived.qos:
            with self._lock:
                under_way, written = self._pending.get(key), key in self._known.kept
            if under_way is not None or written:
                self.n_again += 1
                if under_way is None:
                    self._acknowledge(arrived.mid, arrived.qos, session)
                else:
                    under_way.add_done_callback(lambda done: self._stored(done, key, arrived.qos, session))
                return
        self._store(message, key, arrived.qos, session)

    def _store(self, message: Message, key: tuple[int, str], qos: int, session: int) -> None:
        topic = next((one for one in self.topics if one.match(message.topic) is not None), self.topics[0])
        record = record_of(
            message,
            topic,
            source=self.name,
            received_us=time.time_ns() // 1000,
            channel=self.settings.channel,
            events=self.settings.events,
        )
        try:
            done = self._writer.submit([encode(record)])
        except ArianeError as error:
            self._ask_again(str(error))
            return
        with self._lock:
            self._pending[key] = done
        done.add_done_callback(lambda done: self._stored(done, key, qos, session))

    def _stored(self, done: Future[int], key: tuple[int, str], qos: int, session: int) -> None:
        """Runs in the writer's thread once the message is on disk, or is not."""
        failure = done.exception()
        with self._lock:
            first = self._pending.pop(key, None) is not None
            if failure is None:
                self._known.add(*key)
                self.n_written += first
        if failure is None:
            self._acknowledge(key[0], qos, session)
        else:
            self._ask_again(str(failure))

    def _acknowledge(self, number: int, qos: int, session: int) -> None:
        with self._lock:
            current = session == self._session
        # A number belongs to its connection: in the next one it may be another message's.
        if qos and current:
            self._client.ack(number, qos)

    def _ask_again(self, why: str) -> None:
        """Leave and come back: a broker delivers again only to who connects anew."""
        with self._lock:
            if self._again is not None and self._again.is_alive():
                return
            _say(self.name, why)
            self._again = threading.Timer(RETRY_S, self._come_back)
            self._again.daemon = True
            self._again.start()

    def _come_back(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self._client = self._made()  # started twice, one would leave its sockets open
        if self._writer.failed:
            self._writer.close()
            try:
                self._writer = self._log.writer(f"bridge-{self.name}")
            except ArianeError as error:
                _say(self.name, str(error))
        self.start()


def _address(address: str, tls: bool, where: str) -> tuple[str, int]:
    """`host`, `host:port` or `[::1]:port`; the usual ports are 1883 and, under TLS, 8883."""
    host, colon, port = address.rpartition(":")
    if not colon or host.endswith(":") or address.endswith("]"):
        host, port = address, "8883" if tls else "1883"
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise InputError(f"'{address}' is no address of a broker.", where=where, allowed="HOST or HOST:PORT")
    return host.strip("[]"), int(port)


def _client_id(workspace: Path, name: str, settings: Settings) -> str:
    """What the broker knows our session by: the same as long as the workspace lives."""
    if settings.client_id:
        return str(settings.client_id)
    file = workspace / "bridges" / name
    file.parent.mkdir(exist_ok=True)
    if not file.exists():
        file.write_text(f"ariane-{name}-{secrets.token_hex(6)}", encoding="utf-8")
    return file.read_text(encoding="utf-8").strip()


class _Delivered(msgspec.Struct):
    topic: str = ""
    number: int = 0
    content: str = ""


class _Around(msgspec.Struct):
    mqtt: _Delivered = msgspec.field(default_factory=_Delivered)


class _Written(msgspec.Struct):
    context: _Around = msgspec.field(default_factory=_Around)


def _recalled(log: Log, partition: str) -> _Known:
    """The messages written last, from the end of the log."""
    known, decode = _Known(), msgspec.json.Decoder(_Written).decode
    end = log.end(partition)
    offset = max(log.start(partition), end - TAIL_BYTES)
    while offset < end:
        batch = log.read(partition, offset, 1 << 20)
        for record in batch.records:
            try:
                delivered = decode(record.payload).context.mqtt
            except msgspec.MsgspecError:
                continue
            if delivered.content:
                known.add(delivered.number, delivered.content)
        offset = batch.next_offset
    return known


def _say(name: str, what: str) -> None:
    sys.stderr.write(f"ariane bridge {name}: {what}\n")
