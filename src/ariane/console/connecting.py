"""How to connect a source: the kinds there are, by channel, and for each the lines to copy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from ariane.console.tongue import Tongue
from ariane.console.words import N_
from ariane.errors import ArianeError, NotFound
from ariane.ingest import sources
from ariane.model import CHANNELS

SAMPLE_LINES = 6


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """Something a source can be. `is_hook`: its tool posts; `is_file`: its export is imported."""

    key: str
    title: str
    about: str
    channels: tuple[str, ...]
    events: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    basis: str = ""
    is_hook: bool = False
    is_file: bool = False
    is_signed: bool = False
    is_own: bool = False


class Snippet(msgspec.Struct, frozen=True):
    """Lines to copy. `shown` is what the screen shows, with the write key hidden."""

    label: str
    text: str
    shown: str
    sub: str = ""


class Client(msgspec.Struct, frozen=True):
    """A library that sends events: its lines are a function of the address and the write key."""

    title: str
    about: str
    channels: tuple[str, ...]
    lines: Callable[[str, str], dict[str, str]]


def _browser(address: str, key: str) -> dict[str, str]:
    return {
        "HTML": f'<script async src="{address}/ariane.js" data-key="{key}"></script>',
        "JavaScript": "(window.ariane = window.ariane || []).push(['track', 'Product Viewed', {product_id: 'fil'}])",
    }


def _segment_browser(address: str, key: str) -> dict[str, str]:
    return {
        "npm install @segment/analytics-next": "import { AnalyticsBrowser } from '@segment/analytics-next'\n\n"
        f"const analytics = AnalyticsBrowser.load({{ writeKey: '{key}', cdnURL: '{address}' }})\n"
        "analytics.track('Product Viewed', { product_id: 'fil' })"
    }


def _node(address: str, key: str) -> dict[str, str]:
    return {
        "npm install @segment/analytics-node": "import { Analytics } from '@segment/analytics-node'\n\n"
        f"const analytics = new Analytics({{ writeKey: '{key}', host: '{address}' }})\n"
        "analytics.track({ userId: 'u-1', event: 'Order Completed', properties: { order_id: 'A-1', revenue: 49.9 } })"
    }


def _python(address: str, key: str) -> dict[str, str]:
    return {
        "pip install segment-analytics-python": "from segment.analytics import Client\n\n"
        f"analytics = Client('{key}', host='{address}')\n"
        "analytics.track('u-1', 'Order Completed', {'order_id': 'A-1', 'revenue': 49.9})\n"
        "analytics.flush()"
    }


def _curl(address: str, key: str) -> dict[str, str]:
    body = '{"userId": "u-1", "event": "Store Visited", "properties": {"store": "Lyon"}}'
    return {
        "curl": f"curl -sS {address}/v1/track -u '{key}:' -H 'Content-Type: application/json' \\\n  -d '{body}'",
    }


CLIENTS: dict[str, Client] = {
    "ariane-js": Client(
        N_("A web site, with ariane.js"),
        N_("One line in the page. Nothing is stored or sent before the visitor has agreed; it notices rage clicks."),
        ("web",), _browser,
    ),
    "segment-js": Client(
        N_("A web site, with Segment's library"),
        N_("analytics-next, unchanged: only its address and its key are ours."),
        ("web", "app"), _segment_browser,
    ),
    "segment-node": Client(
        N_("A server in Node"), N_("Segment's own library, unchanged. RudderStack's works the same way."),
        ("web", "app"), _node,
    ),
    "segment-python": Client(
        N_("A server in Python"), N_("Segment's own library, unchanged. RudderStack's works the same way."),
        ("web", "app"), _python,
    ),
    "http": Client(
        N_("Anything that speaks HTTP"), N_("A JSON body and a write key: a till, a script, a workflow tool."),
        CHANNELS, _curl,
    ),
}  # fmt: skip


def kinds(tongue: Tongue, folder: Path) -> list[Kind]:
    """Every kind of source, the workspace's own among them; libraries first. A mapping with a mistake is left out."""
    found = [_client(tongue, key) for key in CLIENTS]
    for key in sources.kinds(folder):
        try:
            found.append(_shipped(tongue, key, folder))
        except ArianeError:
            continue
    return found


def kind(tongue: Tongue, key: str, folder: Path) -> Kind:
    """One kind. NotFound when there is none of that name."""
    if key in CLIENTS:
        return _client(tongue, key)
    if key not in sources.kinds(folder):
        raise NotFound(f"No kind of source is called '{key[:80]}'.", next_step="See the list of kinds.")
    return _shipped(tongue, key, folder)


def _client(tongue: Tongue, key: str) -> Kind:
    one = CLIENTS[key]
    return Kind(key=key, title=tongue._(one.title), about=tongue._(one.about), channels=one.channels)


def _shipped(tongue: Tongue, key: str, folder: Path) -> Kind:
    one = sources.source_kind(key, folder)
    return Kind(
        key=key,
        title=one.title.get(tongue.lang) or one.title.get("en") or key,
        about=one.about.get(tongue.lang) or one.about.get("en") or "",
        channels=one.channels,
        events=one.events,
        identifiers=one.identifiers,
        basis=one.basis,
        is_hook=one.hook,
        is_file=True,
        is_signed=one.signed,
        is_own=one.own,
    )


def snippets(tongue: Tongue, chosen: Kind, address: str, write_key: str, folder: Path) -> list[Snippet]:
    """What to copy to connect this kind with this write key."""
    hidden = masked(write_key)
    if chosen.key in CLIENTS:
        said = CLIENTS[chosen.key].lines
        shown = said(address, hidden)
        return [Snippet(label, text, shown[label]) for label, text in said(address, write_key).items()]
    found = []
    if chosen.is_hook:
        where = f"{address}/v1/hooks/{chosen.key}?writeKey="
        sub = tongue._("The address to give to the tool")
        found.append(Snippet(tongue._("Webhook"), where + write_key, where + hidden, sub))
        post = f"curl -sS {address}/v1/hooks/{chosen.key} -u '{{key}}:' --data-binary @event.json"
        found.append(Snippet("curl", post.format(key=write_key), post.format(key=hidden)))
    command = f"ariane import {chosen.key} {chosen.key}.csv --dry-run\nariane import {chosen.key} {chosen.key}.csv"
    found.append(Snippet(tongue._("Import"), command, command, tongue._("A file the tool exports")))
    sample = sources.sample_of(chosen.key, folder)
    if sample:
        lines = "\n".join(line[:400] for line in sample.splitlines()[:SAMPLE_LINES])
        found.append(Snippet(tongue._("Sample"), sample, lines, tongue._("A few rows of such a file")))
    text = sources.mapping_text_of(chosen.key, folder)
    saved = tongue._("Changed and saved as sources/%(key)s.toml, it stands in place of this one", key=chosen.key)
    found.append(Snippet(tongue._("Mapping"), text, text, saved))
    return found


def masked(write_key: str) -> str:
    """A write key that can be told from others and not used.

    >>> masked("wk_abcdefghij"), masked("")
    ('wk_ab•••', '')
    """
    return write_key[:5] + "•••" if write_key else ""
