"""Ariane's own library for web pages: `ariane.js`, read by people, and `ariane.min.js`, the same, sent to browsers.

It stores nothing and sends nothing before the visitor has agreed to be measured.

>>> len(script(compressed=True)) < 3072 < len(script())
True
"""

from __future__ import annotations

import gzip
from functools import cache
from importlib.resources import files

PATH = "/ariane.js"
"""Where the collector serves it."""

HEADERS = (
    ("content-type", "text/javascript; charset=utf-8"),
    ("cache-control", "public, max-age=3600"),
    ("access-control-allow-origin", "*"),
    ("vary", "Accept-Encoding"),
    ("x-content-type-options", "nosniff"),
)


@cache
def script(*, compressed: bool = False) -> bytes:
    """The library as browsers get it, if asked compressed with gzip."""
    text = files("ariane.ingest.browser").joinpath("ariane.min.js").read_bytes()
    return gzip.compress(text, 9, mtime=0) if compressed else text
