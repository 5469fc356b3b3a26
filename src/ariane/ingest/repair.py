"""Make JSON that a strict parser refuses readable, losing as little as possible.

Clients send half surrogate pairs, `NaN`, bytes that are not UTF-8, numbers no machine holds and objects nested a
thousand deep. None of it may lose a batch: what cannot be represented is replaced: U+FFFD in texts, null for numbers,
`TOO_DEEP` for depth.
"""

from __future__ import annotations

import json
import re

import msgspec

from ariane.errors import InputError

MAX_DEPTH = 100
"""Objects and lists nested deeper than this are replaced by `TOO_DEEP`."""

TOO_DEEP = b'"(nested too deep)"'

# The closing quote is optional: a text without an end must not be tried again from each quote inside it.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
_PAIR = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(_PAIR + r"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\.", re.DOTALL)
_MAX_OPEN = 100_000


def repair(body: bytes) -> bytes:
    """Plain, strict, UTF-8 JSON with the meaning of `body` as far as it has one. Raises InputError when it has none.

    >>> repair(b'{"a": NaN, "b": "half \\\\ud83d pair", "c": 1e999, "c": 2}').decode()
    '{"a":null,"b":"half \ufffd pair","c":2}'
    """
    text = cut_deep(body).decode("utf-8", "replace").lstrip("\ufeff")
    if "\\ud" in text or "\\uD" in text:
        text = _ESCAPE.sub(lambda found: "\\ufffd" if len(found[0]) == 6 else found[0], text)
    try:
        value = json.loads(text, strict=False, parse_constant=lambda _: None, parse_int=_whole)
        return msgspec.json.encode(value)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"The body is not JSON: {error}.", allowed="a JSON object", next_step="Send it as the Segment libraries do."
        ) from error


def is_deep(body: bytes) -> bool:
    """Whether anything is nested deeper than `MAX_DEPTH`. Costs little where the answer is plainly no."""
    lists = b"[" in body
    # Without a list every level takes five bytes at least, {"":} and what is inside.
    if not lists and len(body) < 5 * MAX_DEPTH:
        return False
    if body.count(b"{") + (body.count(b"[") if lists else 0) <= MAX_DEPTH:
        return False
    depth = 0
    for found in _TOKEN.finditer(body):
        if found[0] in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif found[0] in b"]}":
            depth -= 1
    return False


def cut_deep(body: bytes) -> bytes:
    """The body with `TOO_DEEP` in the place of whatever is nested deeper than `MAX_DEPTH`.

    >>> cut_deep(b"[" * 102 + b"]" * 102) == b"[" * 100 + TOO_DEEP + b"]" * 100
    True
    """
    if not is_deep(body):
        return body
    kept: list[bytes] = []
    depth, copied = 0, 0
    for found in _TOKEN.finditer(body):
        token = found[0]
        if token in b"[{":
            depth += 1
            if depth == MAX_DEPTH + 1:
                kept += (body[copied : found.start()], TOO_DEEP)
            elif depth > _MAX_OPEN:
                raise InputError("The body is nested too deep to read.", allowed=f"{MAX_DEPTH} levels")
        elif token in b"]}":
            depth -= 1
            if depth == MAX_DEPTH:
                copied = found.end()
    kept.append(body[copied:] if depth <= MAX_DEPTH else b"")
    return b"".join(kept)


def _whole(digits: str) -> int | None:
    return int(digits) if len(digits) <= 300 else None
