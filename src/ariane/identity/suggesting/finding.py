"""Reads what those who agreed did, and says who may be the same person."""

from __future__ import annotations

import secrets
from collections import defaultdict
from hashlib import blake2b

import msgspec

from ariane.consent import Population
from ariane.errors import InputError
from ariane.identity.rules import Rules
from ariane.identity.suggesting.comparing import Habits, alike
from ariane.model import DAY, HOUR, Identifier

MODEL = "behaviour-1"


class Suggestion(msgspec.Struct, frozen=True):
    """Two identifiers of persons who behave alike: how alike (0 to 1, not a probability), on how many networks and days
    they met, and the ids of the persons."""

    a: Identifier
    b: Identifier
    score: float
    n_networks: int
    n_days: int
    person_a: str
    person_b: str


class _Context(msgspec.Struct):
    ip: str = ""


_context = msgspec.json.Decoder(_Context).decode


def suggest(population: Population, rules: Rules) -> tuple[Suggestion, ...]:
    """Who may be the same person, of a population read for `cross_device`: InputError for another purpose.

    Addresses (`context.ip`) are hashed, under a key that is drawn for this question and kept nowhere, before anything
    compares them. Two persons who each have an account, and two who share a machine that is known to be shared, are
    known to be two.
    """
    if population.purpose != "cross_device":
        raise InputError(
            f"Behaviour is not compared for {population.purpose}.", where="purpose", allowed="cross_device"
        )
    names, accounts = _named(population, rules)
    pairs = population.engine.run(population.engine.table("households").select("person_a", "person_b").distinct())
    apart = {(row["person_a"], row["person_b"]) for row in pairs.to_pylist()}
    found = []
    for one in alike(_habits(population), frozenset(apart)):
        if one.a in names and one.b in names and not (one.a in accounts and one.b in accounts):
            a, b = names[one.a], names[one.b]
            found.append(Suggestion(a, b, one.score, one.n_networks, one.n_days, one.a, one.b))
    return tuple(found)


def _habits(population: Population) -> dict[str, Habits]:
    """What each person did where an address is known."""
    events = population.events
    asked = events.filter(events.context.contains('"ip":')).select("person_id", "occurred_us", "context", "prop_path")
    key = secrets.token_bytes(16)
    networks: dict[str, bytes] = {}
    found: defaultdict[str, Habits] = defaultdict(Habits)
    for row in population.engine.run(asked).to_pylist():
        network = _network(row["context"], key, networks)
        if network:
            one, at = found[row["person_id"]], row["occurred_us"]
            one.networks[network] += 1
            one.days[network, at // DAY] += 1
            one.hours[at // HOUR % 168] += 1
            if row["prop_path"]:
                one.pages[row["prop_path"]] += 1
    return dict(found)


def _network(context: str, key: bytes, known: dict[str, bytes]) -> bytes:
    """The hash of the address a context names; empty where it names none."""
    try:
        address = _context(context).ip.strip()
    except msgspec.MsgspecError:
        return b""
    if address and address not in known:
        known[address] = blake2b(address.encode(), key=key, digest_size=8).digest()
    return known.get(address, b"")


def _named(population: Population, rules: Rules) -> tuple[dict[str, Identifier], set[str]]:
    """Each person's strongest live identifier, and who has an account: one of a kind of which a person has only one."""
    identifiers = population.engine.table("identifiers")
    held = identifiers.filter(identifiers.status == "live").semi_join(population.persons, "person_id")
    best: dict[str, tuple[int, str, str]] = {}
    accounts: set[str] = set()
    for row in population.engine.run(held.select("person_id", "kind", "value")).to_pylist():
        rank = (-rules.priority(row["kind"]), row["kind"], row["value"])
        best[row["person_id"]] = min(rank, best.get(row["person_id"], rank))
        if rules.is_unique(row["kind"]):
            accounts.add(row["person_id"])
    return {person: Identifier(*rank[1:]) for person, rank in best.items()}, accounts
