"""Changing the rules by which identifiers become persons. identity.toml is what people edit; `proposed` reads it beside
the rules in force, `difference` finds out what it would change, `apply` puts it in force as the next version, a file in
the folder `rules` that says all of the rules, when they were applied and by whom. What is served notices, and solves
the history again.

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> from ariane import consent
>>> from ariane.store import State
>>> shop = Path(mkdtemp()); state = State("sqlite://"); state.create()
>>> _ = (shop / "identity.toml").write_text("[kinds.email]\\nlimit = 3")
>>> _ = apply(shop, proposed(shop), "nina")
>>> _ = (shop / "identity.toml").write_text("[kinds.email]\\nlimit = 2")
>>> proposal = proposed(shop)
>>> proposal.changes
(('kinds.email.limit', '3', '2'),)
>>> with state.read() as conn:
...     found = difference(conn, consent.permit("service", actor="nina"), version_of(shop).rules, proposal.rules)
>>> words(found)
('Nobody would change: 0 persons stay as they are.',)
>>> apply(shop, proposal, "nina").number, [one.number for one in versions(shop)]
(2, [1, 2])
"""

from __future__ import annotations

from ariane.identity.guarding.applying import Proposal, apply, broken, proposed, versions
from ariane.identity.guarding.comparing import Difference, difference
from ariane.identity.guarding.wording import words
from ariane.identity.inforce import Version, version_of

__all__ = [
    "Difference",
    "Proposal",
    "Version",
    "apply",
    "broken",
    "difference",
    "proposed",
    "version_of",
    "versions",
    "words",
]
