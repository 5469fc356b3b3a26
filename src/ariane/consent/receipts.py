"""What persons said, read from events: a receipt is one answer to "may we, for this purpose, on this channel?"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ariane.consent.purposes import PURPOSE_BASES
from ariane.model import Event

CATEGORIES: Mapping[str, str] = {
    "necessary": "service", "essential": "service", "c0001": "service",
    "analytics": "measurement", "performance": "measurement", "statistics": "measurement", "c0002": "measurement",
    "functional": "personalisation", "preferences": "personalisation", "personalization": "personalisation",
    "c0003": "personalisation",
    "advertising": "marketing", "targeting": "marketing", "ads": "marketing", "social": "marketing",
    "c0004": "marketing",
    "datasharing": "sharing", "saleofinfo": "sharing", "thirdparty": "sharing",
    "crossdevice": "cross_device", "surveys": "research",
}  # fmt: skip
"""The usual names of consent categories (lower case, letters and digits only) and the purposes they speak of."""

PREFERENCE_EVENT = "Segment Consent Preference Updated"
EXPLICIT = {"Consent Given": True, "Consent Withdrawn": False}
SPOKEN = frozenset({PREFERENCE_EVENT, *EXPLICIT})
"""The events by which a person answers; on others an answer only rides along."""
ANY_CHANNEL = ""


class Receipt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One answer of one identifier. `channel` "" means every channel. `strong`: the identifier names a human.

    An answer given in so many words has its own `slot` (its event); one that only rides along on events is kept once,
    with the first and the last time it was stated.
    """

    subject_key: int
    purpose: str
    channel: str = ANY_CHANNEL
    granted: bool
    at_us: int
    first_us: int
    event_id: str
    source: str
    slot: str = ""
    text_version: str = ""
    strong: bool = False


def receipts_of(
    event: Event, subject_key: int, strong: bool, categories: Mapping[str, str] | None = None
) -> Iterator[Receipt]:
    """The receipts an event carries for its subject; `categories` are the workspace's names over the usual ones.

    >>> event = Event(event_id="e", message_id="m", source="web", type="track", name="Consent Given", channel="web",
    ...               occurred_us=5, received_us=5, properties={"purpose": "marketing", "channel": "email"})
    >>> [(r.purpose, r.channel, r.granted) for r in receipts_of(event, 1, False)]
    [('marketing', 'email', True)]
    """
    said = said_in(event.context) if event.context else None
    explicit = event.name in EXPLICIT or event.name == PREFERENCE_EVENT
    if said is None and not explicit:
        return
    at, slot = event.occurred_us, event.event_id if explicit else ""
    version = _text(event.properties.get("text_version")) if explicit else ""

    def receipt(purpose: str, channel: str, granted: bool) -> Receipt:
        return Receipt(
            subject_key=subject_key, purpose=purpose, channel=channel, granted=granted, at_us=at, first_us=at,
            event_id=event.event_id, source=event.source, slot=slot, text_version=version, strong=strong,
        )  # fmt: skip

    if event.name in EXPLICIT:
        purpose = _purpose(event.properties.get("purpose"), categories)
        if purpose is not None:
            yield receipt(purpose, _text(event.properties.get("channel")), EXPLICIT[event.name])
        return
    preferences = said.get("categoryPreferences") if isinstance(said, dict) else None
    if not isinstance(preferences, dict) and explicit:
        preferences = event.properties.get("categoryPreferences")
    if not isinstance(preferences, dict):
        return
    any_of = isinstance(said, dict) and said.get("resolutionStrategy") == "or"
    for purpose, granted in answers_of(preferences, any_of, categories).items():
        yield receipt(purpose, ANY_CHANNEL, granted)


def answers_of(
    preferences: Mapping[str, Any], any_of: bool, categories: Mapping[str, str] | None = None
) -> dict[str, bool]:
    """What categoryPreferences say of each purpose. Two categories may speak of one: only a yes to both is a yes,
    unless the sender said that any will do."""
    answers: dict[str, bool] = {}
    for category, granted in preferences.items():
        purpose = _purpose(category, categories)
        if purpose is not None and isinstance(granted, bool):
            before = answers.get(purpose, not any_of)
            answers[purpose] = (granted or before) if any_of else (granted and before)
    return answers


def said_in(context: Mapping[str, Any]) -> Any:
    """What a context says of consent, in Segment's form; None when it says nothing."""
    said = context.get("consent")
    if said is None and "consentManagement" in context:
        return managed(context["consentManagement"])
    return said


def managed(consent: object) -> dict[str, Any] | None:
    """RudderStack's `context.consentManagement` as Segment's `context.consent`; None when it says nothing.

    >>> managed({"provider": "oneTrust", "allowedConsentIds": {"C0002": "Analytics"}, "deniedConsentIds": ["C0004"]})
    {'categoryPreferences': {'C0002': True, 'C0004': False}, 'resolutionStrategy': None}
    """
    if not isinstance(consent, dict):
        return None
    preferences: dict[str, bool] = {}
    for ids, granted in ((consent.get("allowedConsentIds"), True), (consent.get("deniedConsentIds"), False)):
        if isinstance(ids, list | dict):  # OneTrust's are a mapping of id to name
            preferences.update((name, granted) for name in ids if isinstance(name, str))
    if not preferences:
        return None
    return {"categoryPreferences": preferences, "resolutionStrategy": consent.get("resolutionStrategy")}


def _purpose(name: object, categories: Mapping[str, str] | None) -> str | None:
    if not isinstance(name, str) or not name:
        return None
    if categories:
        found = categories.get(name) or categories.get(name.lower())
        if found:
            return found
    if name in PURPOSE_BASES:
        return name
    plain = "".join([letter for letter in name.lower() if letter.isalnum()])
    return CATEGORIES.get(plain) or next((p for p in PURPOSE_BASES if p.replace("_", "") == plain), None)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
