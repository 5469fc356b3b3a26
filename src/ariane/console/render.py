"""From a typed context to a page: Jinja with nothing undefined, everything escaped, and one way to say numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from ariane.console import icons, words
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.console.shell import Shell, shell
from ariane.console.tongue import Tongue

_VOWELS = "aeiouyàâéèêëîïôöùûü"
_LONG = re.compile(r"\w{9,}")
_BREAK = re.compile(
    rf"(?<=\w\w[^\W{_VOWELS}])(?=[^\W{_VOWELS}][{_VOWELS}]\w\w)|(?<=\w\w[{_VOWELS}])(?=[^\W{_VOWELS}][{_VOWELS}]\w\w)"
)


@lru_cache
def environment(tongue: Tongue) -> Environment:
    """Templates that speak one language."""
    env = Environment(
        loader=PackageLoader("ariane.console", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def say(message: str, **values: Any) -> str | Markup:
        said = words.gettext(tongue.lang, message)
        return escape(said) % values if values else said

    def count(one: str, many: str, n: int, **values: Any) -> Markup:
        return escape(words.ngettext(tongue.lang, one, many, n)) % {"n": tongue.number(n), **values}

    env.globals.update(
        _=say,
        ngettext=count,
        t=tongue,
        icon=icons.icon,
        channel_icon=icons.channel_icon,
        kind_icon=icons.kind_icon,
        kind_drawing=icons.kind_drawing,
        asset=asset,
    )
    env.filters.update(n=tongue.number, signed=tongue.signed, pct=tongue.percent, duration=tongue.duration)
    env.filters.update(soft=soft, day=tongue.day, moment=tongue.moment, clock=tongue.clock, css=css)
    return env


def css(value: float) -> str:
    """A number as CSS and SVG spell it, whatever the language."""
    return f"{value:.4f}".rstrip("0").rstrip(".")


def soft(text: str) -> str:
    r"""The text with places where its long words may be cut, between two consonants or before one that a vowel follows:
    what both languages allow nearly everywhere.

    >>> [soft(word).replace("\N{SOFT HYPHEN}", "-") for word in ("Recommande", "installation", "Pays")]
    ['Recom-mande', 'ins-tal-la-tion', 'Pays']
    """
    return _LONG.sub(lambda word: _BREAK.sub("\u00ad", word.group()), text)


@lru_cache
def asset(name: str) -> str:
    """A static file's address, with a stamp of its content: browsers keep it until it changes."""
    content = files("ariane.console").joinpath("static", *name.split("/")).read_bytes()
    return f"/static/{name}?v={sha256(content).hexdigest()[:10]}"


def page(
    desk: Desk,
    asked: Asked,
    template: str,
    context: msgspec.Struct,
    *,
    title: str,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """A whole screen: `context` is what the template calls `page`, the frame around it is `shell`."""
    framed: Shell = shell(desk, asked, title)
    tongue = desk.tongue(asked.lang)
    text = environment(tongue).get_template(template).render(page=context, shell=framed, asked=asked)
    return HTMLResponse(text, status_code=status, headers=dict(headers or {}))


def part(desk: Desk, asked: Asked, template: str, context: msgspec.Struct) -> HTMLResponse:
    """A piece of a screen, for htmx."""
    tongue = desk.tongue(asked.lang)
    return HTMLResponse(environment(tongue).get_template(template).render(page=context, asked=asked))
