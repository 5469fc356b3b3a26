"""Persons by anything known of them: an identifier, their name as they gave it, or what they did. Each says which."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import msgspec

from ariane import consent, identity
from ariane.consent import Permit, Population
from ariane.console import faces, masking
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.console.words import N_
from ariane.errors import InputError, NotFound
from ariane.identity import matching
from ariane.identity.chosen import whose
from ariane.model import Purpose

HOWS = {
    "identifier": N_("By identifier"), "name": N_("By name"), "event": N_("By what they did"),
    "alike": N_("By likeness"),
}  # fmt: skip
MOST_KNOWN, MOST_DID = 200, 10_000
MOST_INTRODUCTIONS = 4_000
LEAST = 4  # letters of an event's name that find it in part
FIRST = ("first_name", "firstName", "given_name", "givenName", "prenom", "prénom")
LAST = ("last_name", "lastName", "family_name", "familyName", "nom")
WHOLE = ("name", "full_name", "fullName", "display_name", "displayName")
LEAST_ALIKE = 0.2
"""From which probability somebody is shown who may be meant."""
_FORMS = {
    "email": re.compile(r"\S+@\S+"),
    "born": re.compile(r"\b(?:19|20)\d{2}-\d{2}-\d{2}\b"),
    "postcode": re.compile(r"\b\d{5}\b"),
    "phone": re.compile(r"(?<!\w)\+?\d(?:[ .\-/]?\d){8,13}\b"),
}
_VARIANTS = {"a": "àáâãäå", "c": "ç", "e": "èéêë", "i": "ìíîï", "n": "ñ", "o": "òóôõö", "u": "ùúûü", "y": "ýÿ"}


class Match(msgspec.Struct, frozen=True):
    """Why a search found a person. `how`: one of HOWS; `kind` of identifier and `value` as it is; of an event, its
    name and when it last happened to them; of likeness, how probable it is."""

    person_id: str
    how: str
    kind: str
    value: str
    at_us: int | None = None
    share: float | None = None


def search(desk: Desk, asked: Asked, text: str) -> dict[str, tuple[Match, ...]]:
    """What a text finds, by HOWS: identifiers it is, begins or is part of; names whose words it begins; persons to whom
    an event of that name happened, the latest first."""
    permit = faces.permit_of(desk, asked)
    with desk.stores.state.read() as conn:
        known = identity.find(conn, permit, text, limit=MOST_KNOWN, rules=identity.rules_of(desk.stores.path))
    about = _population(desk, permit)
    return {
        "identifier": tuple(Match(one.person_id, "identifier", one.by.kind, one.by.value) for one in known),
        "name": desk.answer(("named", permit.purpose, text), lambda: _named(desk, about, text)),
        "event": desk.answer(("did", permit.purpose, text), lambda: _did(desk, about, text)),
        "alike": _alike(desk, permit, text),
    }


def _population(desk: Desk, permit: Permit) -> Population:
    purpose: Purpose = "service" if permit.purpose == "service" else "measurement"
    return consent.population(desk.engine, purpose, basis=permit.basis)


def words_of(text: str) -> tuple[str, ...]:
    """The words of a name, without case or accents.

    >>> words_of("Anne-Hélène O'Brien")
    ('anne', 'helene', 'o', 'brien')
    """
    plain = "".join(one for one in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(one))
    return tuple(re.findall(r"[^\W\d_]+", plain))


def _named(desk: Desk, about: Population, text: str) -> tuple[Match, ...]:
    """Who introduced themselves by a name whose words begin with these, those seen last first."""
    sought = words_of(text)
    if (
        not sought
        or sum(map(len, sought)) < 2
        or len(sought) > 6
        or any(char.isdigit() or char in "@:" for char in text)
    ):
        return ()
    said = about.events.filter(about.events.type == "identify")
    lowered = said.properties.lower()
    said = said.filter([lowered.re_search(_pattern(word)) for word in sought])
    newest = said.order_by([said.occurred_us.desc(), said.event_id]).limit(MOST_INTRODUCTIONS)
    found: dict[str, Match] = {}
    for row in desk.engine.run(newest.select("person_id", "properties", "occurred_us")).to_pylist():
        name = name_in(row["properties"])
        theirs = words_of(name)
        if row["person_id"] not in found and all(any(one.startswith(word) for one in theirs) for word in sought):
            found[row["person_id"]] = Match(row["person_id"], "name", "", name, row["occurred_us"])
    return tuple(found.values())[:MOST_KNOWN]


def record_of(text: str) -> dict[str, str]:
    """What a text says of somebody, column by column: words are names, after a comma a town; numbers and addresses are
    told by their form. Empty unless a name comes with something else: a name alone says too little.

    >>> record_of("Ana Lund, Lyon"), record_of("ana lund 69001 06 12 34 56 78"), record_of("Ana Lund")
    ({'given': 'Ana', 'family': 'Lund', 'town': 'Lyon'}, {'given': 'ana', 'family': 'lund', 'postcode': '69001', \
'phone': '06 12 34 56 78'}, {})
    """
    found: dict[str, str] = {}
    for column, pattern in _FORMS.items():
        match = pattern.search(text)
        if match is not None:
            found[column] = match[0].strip()
            text = text.replace(match[0], " ")
    name, _, town = text.partition(",")
    words = name.split()
    if len(words) < 2 or len(words) > 6 or not (found or town.strip()):
        return {}
    return {"given": words[0], "family": " ".join(words[1:])} | ({"town": town.strip()} if town.strip() else {}) | found


def _alike(desk: Desk, permit: Permit, text: str) -> tuple[Match, ...]:
    """Who may be meant, by what their records say; nobody before a look, or without what looking needs."""
    record = record_of(text)
    if not record or matching.kept(desk.path) is None:
        return ()
    try:
        # The records are read once: until then the page says that it is measuring.
        columns = desk.patiently("the records that can be asked", desk.workspace.linkage.index).columns
        said = {column: value for column, value in record.items() if column in columns}
        found = desk.workspace.linkage.known(said, lowest=LEAST_ALIKE, actor="console")
    except (InputError, NotFound):
        return ()
    with desk.stores.state.read() as conn:
        held = whose(conn, permit, [one.by.key for one in found])
    return tuple(
        Match(one.person_id, "alike", one.by.kind, one.by.value, share=one.probability)
        for one in found
        if one.by.key in held
    )


def _pattern(word: str) -> str:
    """A word as it may be spelled in lower-case JSON, with or without its accents."""
    spelled = []
    for char in word:
        others = _VARIANTS.get(char, "")
        escaped = "|".join(rf"\\u{ord(other):04x}" for other in others)
        spelled.append(f"(?:{'|'.join([char, *others])}|{escaped})" if others else re.escape(char))
    return "".join(spelled)


def name_in(properties: str | None) -> str:
    """The name among an introduction's traits; empty when there is none.

    >>> name_in('{"firstName": "Ana", "last_name": "Lund"}'), name_in('{"name": "Ana Lund"}'), name_in(None)
    ('Ana Lund', 'Ana Lund', '')
    """
    try:
        traits: Any = msgspec.json.decode(properties or "{}")
    except msgspec.DecodeError:
        return ""
    if not isinstance(traits, dict):
        return ""
    parts = [next((value for key in keys if isinstance(value := traits.get(key), str)), "") for keys in (FIRST, LAST)]
    whole = next((value for key in WHOLE if isinstance(value := traits.get(key), str)), "")
    return (" ".join(filter(None, parts)) or whole)[:120]


def event_names(desk: Desk) -> tuple[str, ...]:
    """The names events go by, the most frequent first."""

    def compute() -> tuple[str, ...]:
        events = desk.engine.table("events")
        named = events.filter(~events.is_bot & events.event.notnull() & (events.event != ""))
        counted = named.group_by("event").aggregate(n=named.count())
        rows = desk.engine.run(counted.order_by([counted.n.desc(), counted.event]).limit(400)).to_pylist()
        return tuple(row["event"] for row in rows)

    return desk.answer("event names", compute)


def _did(desk: Desk, about: Population, text: str) -> tuple[Match, ...]:
    sought = text.casefold()
    listed = [name for name in event_names(desk) if name.casefold() == sought]
    if not listed and len(sought) >= LEAST:
        listed = [name for name in event_names(desk) if sought in name.casefold()]
    if not listed:
        return ()
    happened = about.events.filter(about.events.event.isin(listed))
    last = happened.group_by("person_id").aggregate(
        at_us=happened.occurred_us.max(), event=happened.event.argmax(happened.occurred_us)
    )
    rows = desk.engine.run(last.order_by([last.at_us.desc(), last.person_id]).limit(MOST_DID)).to_pylist()
    return tuple(Match(row["person_id"], "event", "", row["event"], row["at_us"]) for row in rows)


def said(match: Match, *, clear: bool) -> str:
    """What was found, readable only for a reason of service; what somebody did names nobody."""
    if clear or match.how == "event":
        return match.value[:160]
    return masking.name(match.value) if match.how == "name" else masking.identifier(match.kind, match.value)
