"""Icons, inlined from the vendored Lucide set so that they take the text's colour and need no request."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from markupsafe import Markup

CHANNEL_ICONS = {
    "web": "globe",
    "app": "smartphone",
    "store": "store",
    "call_centre": "phone",
    "email": "mail",
    "sms": "message-square",
    "social": "share-2",
    "chatbot": "bot",
    "voice_assistant": "mic",
    "object": "cpu",
    "immersive": "box",
    "virtual_world": "gamepad-2",
    "mail": "receipt",
    "partner": "handshake",
    "word_of_mouth": "megaphone",
}
KIND_ICONS = {
    "user_id": "user",
    "cookie": "cookie",
    "device": "tablet-smartphone",
    "email": "at-sign",
    "phone": "phone",
    "loyalty_card": "id-card",
    "card_token": "credit-card",
    "caller_number": "phone",
    "social_handle": "share-2",
    "wallet": "wallet",
    "object_serial": "cpu",
}


@lru_cache
def _drawing(name: str) -> str:
    text = files("ariane.console").joinpath("static", "vendor", "icons", f"{name}.svg").read_text(encoding="utf-8")
    inner = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
    return " ".join(inner.split())


def icon(name: str, label: str = "") -> Markup:
    """The icon as SVG: decoration, or an image named `label` when there is one.

    >>> "aria-hidden" in icon("globe"), 'aria-label="Web"' in icon("globe", "Web")
    (True, True)
    """
    named = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    head = Markup('<svg class="i" viewBox="0 0 24 24" {}>').format(named)
    return head + Markup(_drawing(name)) + Markup("</svg>")


def channel_icon(channel: str, label: str = "") -> Markup:
    return icon(CHANNEL_ICONS.get(channel, "circle-dashed"), label)


def kind_icon(kind: str) -> Markup:
    return icon(KIND_ICONS.get(kind, "circle-dashed"))


def kind_drawing(kind: str) -> Markup:
    """The icon's strokes alone, to put inside a larger picture."""
    return Markup(_drawing(KIND_ICONS.get(kind, "circle-dashed")))
