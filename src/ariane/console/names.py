"""The names readers see for the words the data uses: channels, stages, kinds of identifier, purposes."""

from __future__ import annotations

from urllib.parse import unquote

from ariane.console.tongue import Tongue
from ariane.console.words import N_

CHANNEL_NAMES = {
    "web": N_("Web"),
    "app": N_("Mobile app"),
    "store": N_("Store"),
    "call_centre": N_("Call centre"),
    "email": N_("E-mail"),
    "sms": N_("SMS"),
    "social": N_("Social"),
    "chatbot": N_("Chatbot"),
    "voice_assistant": N_("Voice assistant"),
    "object": N_("Connected product"),
    "immersive": N_("Immersive"),
    "virtual_world": N_("Virtual world"),
    "mail": N_("Mail"),
    "partner": N_("Partner"),
    "word_of_mouth": N_("Word of mouth"),
}
STAGE_NAMES = {
    "before": N_("Before purchase"),
    "consideration": N_("Consideration"),
    "conversion": N_("Conversion"),
    "evaluation": N_("Evaluation"),
    "loyalty": N_("Loyalty"),
}
KIND_NAMES = {
    "user_id": N_("Account"),
    "cookie": N_("Cookie"),
    "device": N_("Device"),
    "email": N_("E-mail address"),
    "phone": N_("Telephone"),
    "loyalty_card": N_("Loyalty card"),
    "card_token": N_("Payment card"),
    "caller_number": N_("Caller number"),
    "social_handle": N_("Social handle"),
    "wallet": N_("Wallet"),
    "object_serial": N_("Connected product"),
    "event": N_("Lone event"),
}
PURPOSE_NAMES = {
    "service": N_("Service"),
    "measurement": N_("Measurement"),
    "personalisation": N_("Personalisation"),
    "marketing": N_("Marketing"),
    "cross_device": N_("Across devices"),
    "research": N_("Research"),
    "sharing": N_("Sharing"),
}
BASIS_NAMES = {
    "contract": N_("contract"),
    "legitimate_interest": N_("legitimate interest"),
    "consent": N_("consent"),
}
COLUMN_NAMES = {
    "channel": N_("Channel"),
    "ctx_device_type": N_("Device type"),
    "ctx_os": N_("System"),
    "ctx_app_version": N_("App version"),
    "ctx_campaign_name": N_("Campaign"),
    "ctx_campaign_source": N_("Campaign source"),
    "prop_store": N_("Store"),
    "prop_carrier": N_("Carrier"),
    "prop_reason": N_("Reason"),
    "prop_category": N_("Category"),
    "prop_channels": N_("Channels of the offer"),
    "prop_offer_type": N_("Kind of offer"),
    "prop_campaign": N_("Campaign"),
}
SEGMENT_NAMES = {
    "buyers": N_("Buyers"),
    "repeat_buyers": N_("Bought twice or more"),
    "store_visitors": N_("Came to a store"),
    "multichannel": N_("On several channels"),
    "at_risk": N_("Buyers not seen for 60 days"),
}
VALUE_NAMES = {
    "mobile": N_("mobile"),
    "tablet": N_("tablet"),
    "desktop": N_("desktop"),
}


def channel(tongue: Tongue, key: str) -> str:
    """A channel's name; one nobody has named yet is shown as it is written.

    >>> channel(Tongue("fr"), "store"), channel(Tongue("en"), "drive_through")
    ('Boutique', 'Drive through')
    """
    return tongue._(CHANNEL_NAMES[key]) if key in CHANNEL_NAMES else plain(key)


def stage(tongue: Tongue, key: str) -> str:
    return tongue._(STAGE_NAMES[key]) if key in STAGE_NAMES else plain(key)


def kind(tongue: Tongue, key: str) -> str:
    return tongue._(KIND_NAMES[key]) if key in KIND_NAMES else plain(key)


def purpose(tongue: Tongue, key: str) -> str:
    return tongue._(PURPOSE_NAMES[key]) if key in PURPOSE_NAMES else plain(key)


def column(tongue: Tongue, key: str) -> str:
    known = COLUMN_NAMES.get(key) or COLUMN_NAMES.get(f"prop_{key}") or COLUMN_NAMES.get(f"ctx_{key}")
    return tongue._(known) if known else plain(key.removeprefix("prop_").removeprefix("ctx_"))


def value(tongue: Tongue, column_key: str, key: str) -> str:
    if column_key.removeprefix("prop_") == "channel":
        return channel(tongue, key)
    return tongue._(VALUE_NAMES[key]) if key in VALUE_NAMES else short(key)


def segment(tongue: Tongue, rule: str) -> str:
    """A segment's rule as people say it, where it is one of the named ones or one value of one thing.

    >>> segment(Tongue("en"), "store:Lyon"), segment(Tongue("fr"), "buyers"), segment(Tongue("en"), "orders>=2")
    ('Store: Lyon', 'Ont acheté', 'orders>=2')
    """
    if rule in SEGMENT_NAMES:
        return tongue._(SEGMENT_NAMES[rule])
    field, colon, name = rule.partition(":")
    if not colon or any(mark in name for mark in ",|()!:<>=@"):
        return short(rule)
    return pair(tongue, column(tongue, field), value(tongue, field, unquote(name)))


def pair(tongue: Tongue, name: str, said: str) -> str:
    """A name and its value, with the colon of the language.

    >>> pair(Tongue("fr"), "Motif", "retard")
    'Motif\\xa0: retard'
    """
    return tongue._("%(name)s: %(value)s", name=name, value=said)


def short(written: str, most: int = 60) -> str:
    """A text of the data's own, cut to what a label can hold."""
    return written if len(written) <= most else written[: most - 1] + "…"


def text(written: str | dict[str, str], lang: str) -> str:
    """A text of the journey file in a language, else in English, else in whichever it has.

    >>> text({"en": "Pays", "fr": "Paie"}, "fr"), text("Pays", "fr"), text({"fr": "Paie"}, "en")
    ('Paie', 'Pays', 'Paie')
    """
    if isinstance(written, str):
        return short(written, 80)
    return short(written.get(lang) or written.get("en") or next(iter(written.values()), ""), 80)


def plain(key: str) -> str:
    """A key as people write it."""
    said = short(key.replace("_", " ").strip())
    return said[:1].upper() + said[1:] if said else "–"
