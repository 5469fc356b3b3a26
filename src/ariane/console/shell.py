"""The frame around every screen: where one can go, in which language and theme, in which workspace."""

from __future__ import annotations

import msgspec

from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.console.words import N_
from ariane.errors import ArianeError


class Screen(msgspec.Struct, frozen=True):
    """A screen of the console. `key` is the letter after `g` that goes there."""

    path: str
    label: str
    icon: str
    key: str


OVERVIEW = Screen("/", N_("Overview"), "layout-dashboard", "o")
PEOPLE = Screen("/people", N_("People"), "users", "p")
IDENTITY = Screen("/identity", N_("Identity"), "git-merge", "i")
JOURNEYS = Screen("/journeys", N_("Journeys"), "route", "j")
SOURCES = Screen("/sources", N_("Sources"), "plug", "s")
PLAN = Screen("/plan", N_("Tracking plan"), "clipboard-check", "t")
LIVE = Screen("/live", N_("Live events"), "activity", "l")
PLANTED = Screen("/planted", N_("Found vs planted"), "target", "f")
LANGUAGE_NAMES = {"en": "English", "fr": "Français"}
SCREENS = (OVERVIEW, PEOPLE, IDENTITY, JOURNEYS, LIVE, SOURCES, PLAN, PLANTED)


class Place(msgspec.Struct, frozen=True):
    """One line of the menu."""

    label: str
    icon: str
    href: str
    key: str
    here: bool
    streams: bool


class Shell(msgspec.Struct, frozen=True):
    """What the frame shows."""

    title: str
    lang: str
    theme: str
    workspace: str
    places: tuple[Place, ...]
    home: str
    other_language: str
    other_language_name: str
    other_language_href: str
    dark_href: str
    light_href: str


def shell(desk: Desk, asked: Asked, title: str) -> Shell:
    """The frame for a request; it is drawn even when the workspace cannot be opened."""
    try:
        name, truth = desk.settings.name, desk.truth
    except ArianeError:
        name, truth = desk.path.name, None
    tongue = desk.tongue(asked.lang)
    other = "fr" if asked.lang == "en" else "en"
    shown = [screen for screen in SCREENS if screen is not PLANTED or truth]
    return Shell(
        title=title,
        lang=asked.lang,
        theme=asked.theme,
        workspace=name,
        places=tuple(
            Place(
                tongue._(screen.label),
                screen.icon,
                asked.link(screen.path),
                screen.key,
                _here(screen, asked),
                screen is LIVE,
            )
            for screen in shown
        ),
        home=asked.link("/"),
        other_language=other,
        other_language_name=LANGUAGE_NAMES[other],
        other_language_href=asked.link(lang=other),
        dark_href=asked.link(theme="dark"),
        light_href=asked.link(theme="light"),
    )


def _here(screen: Screen, asked: Asked) -> bool:
    return asked.path == screen.path or (screen.path != "/" and asked.path.startswith(screen.path + "/"))
