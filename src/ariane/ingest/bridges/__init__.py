"""Brings in what connected objects publish: subscribes to topics of an MQTT broker, makes each message an event, and
acknowledges it once it is on disk. `read_topic` reads a topic's template, `record_of` turns a message into a record,
`Bridge` follows a broker.

>>> from ariane.ingest.bridges import read_topic
>>> topic = read_topic("home/{home}/lamp/{object_serial}/{event}")
>>> topic.filter, topic.match("home/7/lamp/L-9/fault")
('home/+/lamp/+/+', {'home': '7', 'object_serial': 'L-9', 'event': 'fault'})
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.face import face

if TYPE_CHECKING:
    from ariane.ingest.bridges.messages import Message, record_of
    from ariane.ingest.bridges.mqtt import Bridge
    from ariane.ingest.bridges.topics import Topic, read_topic

__all__ = ["Bridge", "Message", "Topic", "read_topic", "record_of"]

__getattr__ = face(
    __name__,
    {"Bridge": "mqtt", "Message": "messages", "Topic": "topics", "read_topic": "topics", "record_of": "messages"},
)
