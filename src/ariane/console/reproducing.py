"""A test out of an event: the same event, whoever it was about left out, as a pytest file or as a curl command."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from pprint import pformat
from typing import Any

import msgspec

from ariane import identity, ingest
from ariane.console import masking
from ariane.model import Event

NAMES = {
    "userId": "user", "anonymousId": "anonymous", "previousId": "previous", "groupId": "group", "id": "id",
    "user_id": "user", "anonymous_id": "anonymous", "device_id": "device", "advertisingId": "device", "token": "token",
    "email": "email", "phone": "phone", "loyalty_card": "card", "card_token": "token", "caller_number": "phone",
    "social_handle": "handle", "wallet": "wallet", "object_serial": "serial",
}  # fmt: skip
"""Fields that name somebody, and what stands for their value: equal values stay equal."""

SOMEBODY = re.compile(
    r"name$|address|birth|gender|title|street|city|postal|zip|country|lat|lng|lon|avatar|salary|age$|ssn|iban|passport",
    re.IGNORECASE,
)
WORDS = re.compile(r"comment|text|message|note|review|question_text|body|subject", re.IGNORECASE)
FIGURES = re.compile(r"(latitude|longitude|lat|lon|lng|age|salary|income|\w*birth\w*|postal\w*|zip\w*)$", re.IGNORECASE)
PLACES = ("url", "referrer", "path", "search", "href", "link")


class Disguise:
    """Puts stand-ins for whatever names somebody, the same one for the same value.

    >>> disguise = Disguise()
    >>> disguise.record({"userId": "ana", "properties": {"email": "Ana@example.org", "store": "Lyon", "n": 2}})
    {'userId': 'user-1', 'properties': {'email': 'person-1@example.org', 'store': 'Lyon', 'n': 2}}
    >>> disguise.record({"userId": "ana", "context": {"ip": "81.2.3.4", "userAgent": "curl/8"}})
    {'userId': 'user-1', 'context': {'ip': '203.0.113.7', 'userAgent': 'curl/8'}}
    """

    def __init__(self) -> None:
        self._stand_ins: dict[str, dict[str, str]] = defaultdict(dict)

    def record(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The whole record; the traits of identify and group are all about somebody, wherever they stand."""
        about = record.get("type") in ("identify", "group")
        return {name: self._of(value, name, about=about and name == "properties") for name, value in record.items()}

    def _of(self, value: Any, name: str, *, about: bool) -> Any:
        about = about or name == "traits"
        if isinstance(value, dict):
            told = {key: self._of(inner, str(key), about=about) for key, inner in value.items()}
            if "id" in value and "type" in value:  # an external id says its kind beside it
                kind = str(value["type"])
                told |= {"type": value["type"], "id": self._stand_in(NAMES.get(kind, "id"), str(value["id"]))}
            return told
        if isinstance(value, list):
            return [self._of(inner, name, about=about) for inner in value]
        if isinstance(value, str) and value:
            return self._text(value, name, about=about)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return value
        if name in NAMES:
            return self._number(name, value)
        return 0 if FIGURES.match(name) else value

    def _text(self, value: str, name: str, *, about: bool) -> str:
        if name == "ip":
            return "203.0.113.7"
        if name in ("userAgent", "type", "event", "source", "channel", "locale", "timezone", "library", "version"):
            return value
        if name in NAMES:
            return self._stand_in(NAMES[name], value)
        if name in PLACES:
            return (
                masking.comment(value.split("?")[0].split("#")[0], 200)
                if "://" not in value
                else "https://example.org/"
            )
        if WORDS.search(name):
            return "In their own words."
        if about or SOMEBODY.search(name):
            return value if _is_instant(value) and not about else "…"
        return value if _is_instant(value) else masking.comment(value, 400)

    def _number(self, name: str, value: float) -> Any:
        known = self._stand_ins[NAMES[name]]
        return int(known.setdefault(str(value), str(len(known) + 1)))

    def _stand_in(self, what: str, value: str) -> str:
        known = self._stand_ins[what]
        n = known.setdefault(value.casefold(), str(len(known) + 1))
        return {"email": f"person-{n}@example.org", "phone": f"+3360000000{n}"}.get(what, f"{what}-{n}")


def _is_instant(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return len(value) >= 10


def read_record(payload: bytes, *, shown: bool) -> dict[str, Any]:
    """The record of a test, its personal data left out unless `shown`; its message id is new, so that it is never seen
    as the one it was made from."""
    record: dict[str, Any] = msgspec.json.decode(payload)
    mark = blake2b(payload, digest_size=4).hexdigest()
    told = record if shown else Disguise().record(record)
    return told | {"messageId": f"test-{mark}"}


def as_pytest(record: Mapping[str, Any]) -> str:
    """A test file: the event goes into a new workspace and must become there what it became here.

    >>> record = {"source": "web", "messageId": "test-1", "type": "track", "event": "Store Visited", "receivedUs": 5}
    >>> compile(as_pytest(record), "test_it.py", "exec") is not None
    True
    """
    event = ingest.read(msgspec.json.encode(record))
    named = sorted((one.kind, one.value) for one in identity.identify(event))
    row: dict[str, Any] = {"event": event.name, "type": event.type, "channel": event.channel, "source": event.source}
    row |= {"is_bot": event.is_bot}
    on = (
        datetime.fromtimestamp(event.received_us / 1_000_000, UTC).date() if event.received_us > 0 else "an unknown day"
    )
    return f'''"""An event received on {on} from the source {_plain(event.source)}: it becomes what it became then."""

from __future__ import annotations

import json
from pathlib import Path

import ariane
from ariane import processes

RECORD = {pformat(dict(record), sort_dicts=False, width=110)}
BECOMES = {pformat(row, sort_dicts=False, width=110)}
NAMES = {pformat(named, width=110)}


def test_{_slug(event)}(tmp_path: Path) -> None:
    with ariane.open(tmp_path / "workspace", create=True) as workspace:
        workspace.write([json.dumps(RECORD).encode()])
        processes.catch_up(workspace.stores)
        events = workspace.sql("SELECT event, type, channel, source, is_bot FROM events").to_dicts()
        assert events == [BECOMES]
        named = workspace.sql("SELECT kind, value FROM identifiers ORDER BY kind, value").to_dicts()
        assert [(one["kind"], one["value"]) for one in named if one["kind"] != "event"] == NAMES
'''


def as_curl(record: Mapping[str, Any], address: str) -> str:
    r"""A command that sends the event again, as the source's client would, with a write key from the environment.

    >>> print(as_curl({"type": "track", "event": "It's", "messageId": "test-1"}, "http://127.0.0.1:8600"))
    curl -sS -X POST http://127.0.0.1:8600/v1/track \
      -u "$ARIANE_WRITE_KEY:" -H 'Content-Type: application/json' --data-binary @- <<'EVENT'
    {
      "event": "It's",
      "messageId": "test-1"
    }
    EVENT
    <BLANKLINE>
    """
    kind = (
        record.get("type")
        if record.get("type") in ("track", "identify", "page", "screen", "group", "alias")
        else "track"
    )
    body = {name: value for name, value in record.items() if name in SENT and value not in (None, {})}
    if kind in ("identify", "group") and "properties" in body:
        body["traits"] = body.get("traits") or body.pop("properties")
    text = msgspec.json.format(msgspec.json.encode(body), indent=2).decode()
    return (
        f"curl -sS -X POST {address}/v1/{kind} \\\n"
        f"  -u \"$ARIANE_WRITE_KEY:\" -H 'Content-Type: application/json' --data-binary @- <<'EVENT'\n{text}\nEVENT\n"
    )


SENT = (
    "event", "name", "userId", "anonymousId", "previousId", "groupId", "timestamp", "originalTimestamp", "messageId",
    "properties", "traits", "context", "integrations",
)  # fmt: skip


def _slug(event: Event) -> str:
    said = re.sub(r"[^a-z0-9]+", "_", (event.name or event.type).lower().encode("ascii", "ignore").decode()).strip("_")
    return said[:60] or "an_event"


def _plain(text: str) -> str:
    return re.sub(r"[^\w .-]", "?", text)[:60]
