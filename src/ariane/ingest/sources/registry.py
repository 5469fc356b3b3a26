"""The kinds of source there are: those that ship with Ariane, and those of a workspace's own folder."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import msgspec

from ariane.errors import NotFound
from ariane.ingest.grammar import Column, Mapping
from ariane.ingest.mapping import parse_mapping, read_mapping

_KEY = re.compile(r"[a-z][a-z0-9-]{0,62}")
_SAMPLES = (".csv", ".ndjson")


class SourceKind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of source, as its mapping file describes it.

    `title` and `about` are by language. `channels` are those it names (a row may name another), `events` all it makes;
    empty when the rows name theirs.
    `hook`: its tool can post to `/v1/hooks/<key>`; `signed`: in a way of its own, else as docs/sources.md says.
    `identifiers` are the kinds a row may carry, `basis` the purpose the rows come under, `free_texts` the properties
    somebody wrote in their own words. `sample` is the name of its sample, whose ending says the format; empty for a
    kind that is a workspace's `own`.

    >>> kind = source_kind("sendgrid")
    >>> kind.title["fr"], kind.hook, kind.identifiers
    ('SendGrid', True, ('email',))
    """

    key: str
    title: dict[str, str]
    about: dict[str, str]
    channels: tuple[str, ...]
    events: tuple[str, ...]
    identifiers: tuple[str, ...]
    basis: str
    free_texts: tuple[str, ...] = ()
    hook: bool = True
    signed: bool = False
    sample: str = ""
    own: bool = False


def kinds(folder: Path | None = None) -> tuple[str, ...]:
    """The keys of every kind, in alphabetical order; `folder` is a workspace's `sources/`.

    >>> kinds()[:3]
    ('adviser-notes', 'calls', 'chatbot')
    """
    return tuple(sorted({*_shipped(), *_own(folder)}))


def source_kind(key: str, folder: Path | None = None) -> SourceKind:
    """What is known of a kind. Raises NotFound naming the kinds there are, InputError when its mapping is wrong."""
    mapping = mapping_of(key, folder)
    about = mapping.about
    named = [event.name for event in mapping.events if event.type in ("track", "page", "screen")]
    fixed = [(name,) if isinstance(name, str) else tuple(name.values.values()) for name in named]
    is_open = any(isinstance(name, Column) and not name.values for name in named)
    channel = mapping.channel
    who = [kind for kind, column in (("user_id", mapping.user_id), ("cookie", mapping.anonymous_id)) if column]
    own = [kind for event in mapping.events for kind in event.identifiers]
    return SourceKind(
        key=key,
        title=about.title if about is not None else {},
        about=about.text if about is not None else {},
        channels=(channel,) if isinstance(channel, str) else tuple(dict.fromkeys(channel.values.values())),
        events=() if is_open else tuple(dict.fromkeys(name for names in fixed for name in names)),
        identifiers=tuple(dict.fromkeys([*who, *mapping.identifiers, *own])),
        basis=mapping.basis,
        free_texts=mapping.free_texts,
        hook=about is None or about.hook,
        signed=mapping.signature is not None,
        sample=_shipped().get(key, ""),
        own=key in _own(folder),
    )


def mapping_of(key: str, folder: Path | None = None) -> Mapping:
    """The mapping of a kind: the workspace's own where it has one. Raises as `source_kind`."""
    own = _own(folder).get(key)
    if own is not None:
        return read_mapping(own)
    return _read(_known(key, folder))


def mapping_text_of(key: str, folder: Path | None = None) -> str:
    """The same as the file says it, comments and all: what to copy into `sources/` and change.

    >>> mapping_text_of("till").startswith("#")
    True
    """
    own = _own(folder).get(key)
    if own is not None:
        return own.read_text(encoding="utf-8")
    return _text(f"{_known(key, folder)}.toml")


def sample_of(key: str, folder: Path | None = None) -> str:
    """A few rows of such a file, to look at and to try a mapping on. Empty for a kind of the workspace's own."""
    if key not in _shipped():
        _known(key, folder)
        return ""
    return _text(_shipped()[key])


def free_texts(folder: Path | None = None) -> dict[str, frozenset[str]]:
    """Event → the properties in which somebody's own words stand: they may hold anything, and are declared to.

    >>> free_texts()["Chat Turn"]
    frozenset({'comment'})
    """
    found: dict[str, set[str]] = {}
    for key in kinds(folder):
        mapping = mapping_of(key, folder)
        for event in mapping.events if mapping.free_texts else ():
            held = {*mapping.properties, *event.properties} & set(mapping.free_texts)
            names = (event.name,) if isinstance(event.name, str) else event.name.values.values()
            for name in names if held else ():
                found.setdefault(name, set()).update(held)
    return {name: frozenset(held) for name, held in found.items()}


def _known(key: str, folder: Path | None) -> str:
    if key in _shipped() or key in _own(folder):
        return key
    close = get_close_matches(key, kinds(folder), n=1)
    raise NotFound(
        f"No kind of source is called '{key[:80]}'" + (f": did you mean '{close[0]}'?" if close else "."),
        allowed=", ".join(kinds(folder)),
        next_step="A mapping in the workspace's folder sources/ makes one: docs/sources.md.",
    )


@lru_cache(1)
def _shipped() -> dict[str, str]:
    """Key → the name of its sample."""
    names = {entry.name for entry in (files(__package__) / "shipped").iterdir()}
    keys = sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))
    return {key: next(f"{key}{ending}" for ending in _SAMPLES if f"{key}{ending}" in names) for key in keys}


def _own(folder: Path | None) -> dict[str, Path]:
    if folder is None or not folder.is_dir():
        return {}
    return {path.stem: path for path in sorted(folder.glob("*.toml")) if _KEY.fullmatch(path.stem)}


def _text(name: str) -> str:
    return (files(__package__) / "shipped" / name).read_text(encoding="utf-8")


@lru_cache(64)
def _read(key: str) -> Mapping:
    return parse_mapping(_text(f"{key}.toml"), f"{key}.toml")
