"""Machines that say what they are: user agents of robots, crawlers, monitors and driven browsers, and marks that a
library left on the event. What only shows over many events, such as a pace no person keeps, is found in `noise`.

The names come from a list that is kept up by others and shipped as a file (`vendor/`), so that the same log is read the
same way on every machine; and from words that name machines nobody has listed yet.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

WORDS = (
    "bot", "crawl", "spider", "slurp", "headless", "lighthouse", "pagespeed", "pingdom", "uptimerobot", "monitoring",
    "synthetic", "facebookexternalhit", "bingpreview", "link preview", "embedly", "phantomjs", "selenium", "puppeteer",
    "playwright", "webdriver", "cypress/", "scrapy", "wget", "curl/", "python-", "go-http-client", "java/", "libwww",
    "node-fetch", "axios/",
)  # fmt: skip
"""A user agent that contains one of these, in any case, is a machine's: its events are kept and never counted."""

PEOPLE_TOO = frozenset(
    (
        r"AP3A\.240617\.008",  # a build of Android on telephones that are sold
        "MetaIAB Facebook",  # the browser inside an app
        "Fluid",  # a browser for one site
        r"Code\/1\.",  # the browser inside an editor
        "okhttp",  # the library through which apps for Android speak
        "Fever",
        "Butterfly",
    )
)
"""Patterns of the list that persons match as well."""

_NOT_A_BOT = "cubot"  # a maker of telephones
_LIST = Path(__file__).parent / "vendor" / "crawler-user-agents.txt"


_TELLING = frozenset({"userAgent", "bot", "webdriver", "userAgentData"})


def is_machine(context: Mapping[str, Any]) -> bool:
    """Whether an event's context says that a machine sent it."""
    return not _TELLING.isdisjoint(context) and machine_mark(context) != ""


def machine_mark(context: Mapping[str, Any]) -> str:
    """By what a context shows that a machine sent it: `user_agent`, `automation` (a driven or headless browser), or
    `declared` (who sent it says so); "" when nothing shows it.

    >>> machine_mark({"userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}), machine_mark({"webdriver": True})
    ('user_agent', 'automation')
    >>> machine_mark({"userAgent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"})
    ''
    """
    agent = context.get("userAgent")
    if isinstance(agent, str) and is_bot(agent):
        return "user_agent"
    if context.get("bot") is True:
        return "declared"
    if context.get("webdriver") is True:
        return "automation"
    data = context.get("userAgentData")
    if isinstance(data, dict) and isinstance(brands := data.get("brands"), list):
        for brand in brands:
            if isinstance(brand, dict) and "headless" in str(brand.get("brand", "")).lower():
                return "automation"
    return ""


@lru_cache(maxsize=1 << 14)
def is_bot(agent: str) -> bool:
    """Whether a user agent names a machine.

    >>> is_bot("Mozilla/5.0 (compatible; Googlebot/2.1)"), is_bot("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
    (True, False)
    """
    agent = agent[:2_000]
    if _has_word(agent.lower().replace(_NOT_A_BOT, "")):
        return True
    names, patterns = _listed()
    return any(name in agent for name in names) or patterns.search(agent) is not None


def _has_word(text: str) -> bool:
    return any(word in text for word in WORDS)


@cache
def _listed() -> tuple[tuple[str, ...], re.Pattern[str]]:
    """The list, as plain names where a pattern is one (a search for a name takes 30 ns), and the others as one pattern.

    What the words find anyway is left out.
    """
    lines = _LIST.read_text(encoding="utf-8").splitlines()
    names, patterns = [], []
    for line in lines:
        if line.startswith("#") or line in PEOPLE_TOO:
            continue
        name = re.sub(r"\[(\w)\w\]", r"\1", line)  # [bB]ot
        if _has_word(name.lower()) and "^" not in name:
            continue
        name = re.sub(r"\\([/.+\-_ !@:])", r"\1", line)
        if re.search(r"[\\^$*?{}\[\]|()]", name) or "." in re.sub(r"\\.", "", line) or "+" in re.sub(r"\\.", "", line):
            patterns.append(line)
        else:
            names.append(name)
    return tuple(names), re.compile("|".join(patterns))
