"""What data is used for, and on what legal basis. What nobody named is denied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import msgspec

from ariane.errors import ConsentError, InputError

Basis = Literal["contract", "legitimate_interest", "consent"]
BASES: tuple[Basis, ...] = get_args(Basis)
"""contract: needed to serve the person, always allowed. legitimate_interest: allowed until the person objects.
consent: allowed once the person said yes, and until they say no."""

PURPOSE_BASES: Mapping[str, Basis] = {
    "service": "contract",
    "measurement": "legitimate_interest",
    "personalisation": "consent",
    "marketing": "consent",
    "cross_device": "consent",
    "research": "consent",
    "sharing": "consent",
}

_SEAL = object()


class Permit(msgspec.Struct, frozen=True, kw_only=True):
    """The right to read persons for one purpose. Only `permit` makes one, and every read of persons asks for one."""

    purpose: str
    basis: str
    actor: str
    reason: str = ""
    seal: object = None

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise ConsentError("A permit was made by hand.", next_step="Ask consent.permit(purpose, actor=…) for one.")

    def __repr__(self) -> str:
        return f"Permit(purpose={self.purpose!r}, basis={self.basis!r}, actor={self.actor!r}, reason={self.reason!r})"


def permit(purpose: str, *, actor: str, reason: str = "", bases: Mapping[str, str] | None = None) -> Permit:
    """The right to read persons for `purpose`. `bases` are the workspace's own, over the default ones.

    ConsentError for a purpose nobody named; InputError when nobody says who reads.

    >>> permit("measurement", actor="nina")
    Permit(purpose='measurement', basis='legitimate_interest', actor='nina', reason='')
    >>> permit("curiosity", actor="nina")
    Traceback (most recent call last):
    ariane.errors.ConsentError: Unknown purpose 'curiosity'. Allowed: service, measurement, personalisation, ...
    """
    if not actor.strip():
        raise InputError("A permit needs to know who reads.", allowed="a person's or a process's name")
    return Permit(purpose=purpose, basis=basis_of(purpose, bases), actor=actor, reason=reason, seal=_SEAL)


def basis_of(purpose: str, bases: Mapping[str, str] | None = None) -> Basis:
    """The legal basis of a purpose: the workspace's, else the default. ConsentError when nobody named the purpose.

    >>> basis_of("marketing"), basis_of("marketing", {"marketing": "legitimate_interest"})
    ('consent', 'legitimate_interest')
    """
    named: dict[str, str] = {**PURPOSE_BASES, **(bases or {})}
    basis = named.get(purpose)
    if basis is None:
        raise ConsentError(
            f"Unknown purpose {purpose!r}.", allowed=", ".join(named), next_step="Name the purpose the data is for."
        )
    return _checked(purpose, basis)


def bases_from(table: Mapping[str, Any]) -> dict[str, Basis]:
    """The bases a workspace sets: `[purposes.<name>] basis = …`, as a table or as settings objects.

    >>> bases_from({"research": {"basis": "legitimate_interest"}})
    {'research': 'legitimate_interest'}
    """
    return {
        purpose: _checked(purpose, entry.get("basis") if isinstance(entry, Mapping) else getattr(entry, "basis", None))
        for purpose, entry in table.items()
    }


def _checked(purpose: str, basis: object) -> Basis:
    for known in BASES:
        if basis == known:
            return known
    raise InputError(
        f"purposes.{purpose}.basis: {basis!r} is not a legal basis.", where="ariane.toml", allowed=", ".join(BASES)
    )
