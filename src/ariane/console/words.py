"""Words in the reader's language: the English text is the key, `locale/<language>.po` holds the others.

The catalogue is read as it is written, so there is nothing to compile or to forget to compile.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

LANGUAGES = ("en", "fr")


def N_(message: str) -> str:
    """Mark a text for translation where it stands as data.

    >>> N_("Web")
    'Web'
    """
    return message


@lru_cache
def catalogue(language: str) -> Catalog | None:
    """The translations into `language`; none for English, which the source speaks."""
    file = files("ariane.console").joinpath("locale", f"{language}.po")
    if not file.is_file():
        return None
    with file.open("rb") as stream:
        return read_po(stream, locale=language)


def gettext(language: str, message: str) -> str:
    """`message` in `language`, or itself when the catalogue does not hold it (a name someone chose, say).

    >>> gettext("fr", "People"), gettext("en", "People")
    ('Personnes', 'People')
    """
    held = catalogue(language)
    found = held.get(message) if held is not None else None
    return found.string if found is not None and isinstance(found.string, str) and found.string else message


def ngettext(language: str, one: str, many: str, n: int) -> str:
    """The form of a text that fits the number `n`: in French 0 and 1 are singular, in English only 1.

    >>> ngettext("fr", "%(n)s person", "%(n)s persons", 0)
    '%(n)s personne'
    """
    held = catalogue(language)
    found = held.get(one) if held is not None else None
    if found is not None and isinstance(found.string, (tuple, list)):
        return str(found.string[0 if n in (0, 1) else 1]) or many
    return one if n == 1 else many


def chosen(wanted: str | None, accepted: str, default: str = "en") -> str:
    """The language to answer in: the one in the URL, else the browser's first one we speak, else the workspace's.

    >>> chosen(None, "fr-CA,fr;q=0.9,en;q=0.8"), chosen("en", "fr"), chosen("xx", "de")
    ('fr', 'en', 'en')
    """
    if wanted in LANGUAGES:
        return str(wanted)
    for part in accepted.split(","):
        code = part.split(";")[0].strip().lower()[:2]
        if code in LANGUAGES:
            return code
    return default if default in LANGUAGES else "en"
