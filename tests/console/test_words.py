"""Every word of the console is said in every language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import ariane.console

ROOT = Path(ariane.console.__file__).parent
KEYWORDS = {"_": None, "N_": None, "n_": (1, 2), "ngettext": (1, 2)}
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2.ext.babel_extract")]
OPTIONS = {"templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true"}}


def said() -> dict[str | tuple[str, ...], str]:
    """Every text in the source, and where it is."""
    found = extract_from_dir(str(ROOT), METHODS, OPTIONS, keywords=KEYWORDS)
    return {message: f"{file}:{line}" for file, line, message, _, _ in found}


@pytest.fixture(scope="module")
def french() -> Catalog:
    with (ROOT / "locale" / "fr.po").open("rb") as file:
        return read_po(file, locale="fr")


def test_no_french_word_is_missing(french: Catalog) -> None:
    missing = {}
    for message, where in said().items():
        found = french.get(message)
        if found is None or found.fuzzy or not (all(found.string) if isinstance(found.string, tuple) else found.string):
            missing[message] = where
    assert not missing


def test_no_french_word_is_left_over(french: Catalog) -> None:
    used = said()
    assert not [message.id for message in french if message.id and message.id not in used]


def test_what_is_filled_in_is_filled_in_everywhere(french: Catalog) -> None:
    for message in french:
        if not message.id:
            continue
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        english = message.id[-1] if isinstance(message.id, tuple) else message.id
        for form in forms:
            assert set(re.findall(r"%\(\w+\)s", str(form))) == set(re.findall(r"%\(\w+\)s", english)), english


def test_no_text_hides_from_the_catalogue() -> None:
    """The extractor does not look into f-strings."""
    for path in ROOT.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"""(?<!\w)f(["'])(?:(?!\1).)*\._\(["']""", text), path
