"""What may lead to somebody, made unreadable: identifiers, and what people write about themselves in comments."""

from __future__ import annotations

import re

DOTS = "•••"
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_NUMBER = re.compile(r"(?<!\w)\+?\d[\d .\-/()]{5,}\d")
_HANDLE = re.compile(r"(?<!\w)@\w{2,}")
_LINK = re.compile(r"https?://\S+|www\.\S+", re.IGNORECASE)
OPEN_KINDS = frozenset({"cookie", "device", "object_serial"})
"""Kinds whose value names a machine: their first signs may be shown, so that two can be told apart."""


def identifier(kind: str, value: str) -> str:
    """An identifier's value, told apart from its neighbours but not readable.

    >>> identifier("email", "ana@example.org"), identifier("phone", "+33612345678"), identifier("cookie", "c-8f31e0")
    ('a•••@e•••.org', '+3•••78', 'c-8f•••')
    """
    if kind == "email" and "@" in value:
        name, _, place = value.rpartition("@")
        host, dot, top = place.rpartition(".")
        return f"{name[:1]}{DOTS}@{host[:1]}{DOTS}{dot}{top}"
    if kind in OPEN_KINDS or len(value) <= 4:
        return value[:4] + DOTS if len(value) > 4 else value[:1] + DOTS
    return (
        f"{value[:2]}{DOTS}{value[-2:]}"
        if kind in ("phone", "caller_number", "card_token", "loyalty_card")
        else value[:2] + DOTS
    )


def name(text: str) -> str:
    """A person's name by its first letters.

    >>> name("Ana Lund"), name("")
    ('A••• L•••', '')
    """
    return " ".join(word[:1] + DOTS for word in text.split()[:4])


def comment(text: str, most: int = 110) -> str:
    """A comment without addresses, numbers, handles and links, cut at a word.

    >>> comment("Write to ana@example.org or 06 12 34 56 78!")
    'Write to ••• or •••!'
    """
    for pattern in (_LINK, _EMAIL, _NUMBER, _HANDLE):
        text = pattern.sub(DOTS, text[:2000])
    text = " ".join(text.split())
    if len(text) <= most:
        return text
    cut = text[:most].rsplit(" ", 1)[0]
    return (cut if len(cut) > most // 2 else text[:most]) + "…"
