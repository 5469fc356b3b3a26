"""A shop whose partner's file has no key in common with it: names as two people typed them, and the truth."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from ariane import processes, settings
from ariane.ingest import Record, encode
from ariane.store import Stores

GIVEN = (
    "Ana", "Benoît", "Chloé", "David", "Emma", "Farid", "Gaëlle", "Hugo", "Inès", "Jules", "Karim", "Léa", "Marc",
    "Nadia", "Olivier", "Pauline", "Quentin", "Rosa",
)  # fmt: skip
FAMILY = (
    "Martin", "Bernard", "Dubois", "Thomas", "Robert", "Richard", "Petit", "Durand", "Leroy", "Moreau", "Simon",
    "Laurent", "Lefebvre", "Michel", "Garcia", "David", "Bertrand", "Roux", "Vincent", "Fournier", "Morel", "Girard",
    "Andre", "Mercier", "Dupont", "Lambert", "Bonnet", "Francois", "Martinez", "Legrand", "Garnier",
)  # fmt: skip
ENDINGS = ("", "eau", "et", "in", "ard", "el", "ot", "on", "ier", "oux", "ac", "ville", "mont", "court", "y")
KINDS = "[kinds.partner_id]\npriority = 30\n"
"""What identity.toml says of the partner's own numbers."""


def people(n: int, seed: int = 7) -> list[dict[str, str]]:
    draw = random.Random(seed)
    towns = [(draw.choice(FAMILY) + draw.choice(ENDINGS[9:]), f"{draw.randint(1000, 95999):05}") for _ in range(300)]
    found = []
    for _ in range(n):
        town, postcode = draw.choice(towns)
        second = f"-{draw.choice(GIVEN)}" if draw.random() < 0.4 else ""
        found.append({
            "first_name": draw.choice(GIVEN) + second, "last_name": draw.choice(FAMILY) + draw.choice(ENDINGS),
            "birth_date": f"{draw.randint(1940, 2005)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}",
            "street": f"{draw.randint(1, 99)} rue {draw.choice(FAMILY)}", "town": town, "postcode": postcode,
        })  # fmt: skip
    return found


def mistyped(said: dict[str, str], draw: random.Random) -> dict[str, str]:
    """The same person as somebody else typed them: a letter off, a part left out, now and then two."""
    typed = dict(said)
    for name in draw.sample(["first_name", "last_name", "birth_date", "street", "town"], draw.choice([0, 1, 1, 2])):
        value, at = typed[name], draw.randrange(1, len(typed[name]))
        typed[name] = value[:at] + value[at + 1 :] if draw.random() < 0.6 or name == "birth_date" else ""
    return {name: value for name, value in typed.items() if value}


def records(n_both: int, n_only: int, seed: int = 7) -> list[bytes]:
    """`n_both` persons with an account (u0, u1 …) whom the partner has too (p0, p1 …), and `n_only` of either alone."""
    draw = random.Random(seed)
    said = people(n_both + 2 * n_only, seed)
    own = [*range(n_both + n_only)]
    theirs = [*range(n_both), *range(n_both + n_only, n_both + 2 * n_only)]
    made: list[bytes] = []
    for at in own:
        made.append(
            _record(f"a{at}", "web", "identify", {"user_id": f"u{at}", "anonymous_id": f"cookie-{at}"}, said[at])
        )
    for at in theirs:
        named: dict[str, Any] = {"context": {"externalIds": [{"id": f"p{at}", "type": "partner_id"}]}}
        made.append(_record(f"b{at}", "partner", "track", named, mistyped(said[at], draw)))
    return made


def _record(of: str, source: str, kind: str, named: dict[str, Any], said: dict[str, str]) -> bytes:
    return encode(Record(
        source=source, message_id=of, type=kind, received_us=1_780_000_000_000_000, channel=source,
        event=None if kind == "identify" else "Contract Signed", timestamp="2026-05-01T10:00:00Z",
        properties=dict(said), **named,
    ))  # fmt: skip


def shop(path: Path, n_both: int = 120, n_only: int = 60) -> Path:
    """The shop with all of it taken in."""
    settings.create(path, "Shop")
    (path / "identity.toml").write_text(KINDS, encoding="utf-8")
    stores = Stores(path)
    with stores.log.writer("web-0") as writer:
        writer.append(records(n_both, n_only))
    processes.catch_up(stores)
    stores.close()
    return path
