"""Holdouts: who is left alone, so that the effect of acting on the others can be measured."""

from __future__ import annotations

from hashlib import blake2b

from ariane.errors import InputError


def holdout(person_id: str, experiment: str, share: float, salt: str = "") -> bool:
    """Whether the person is held out of the experiment: the same answer every time, for about `share` of persons.

    Experiments draw independently of one another; `salt` is the workspace's, so that nobody outside can tell. 0 ≤ share
    ≤ 1, else InputError.

    >>> 80 < sum(holdout(f"p{n}", "thanks", 0.1) for n in range(1000)) < 120
    True
    """
    if not 0 <= share <= 1:
        raise InputError(f"A holdout of {share} is not a share.", where=experiment, allowed="0 to 1")
    return uniform(person_id, experiment, salt) < share


def uniform(what: str, draw: str, salt: str = "") -> float:
    """A number in [0, 1) that only these three decide."""
    digest = blake2b(f"{draw}\0{what}".encode(), digest_size=6, key=salt.encode()[:64]).digest()
    return int.from_bytes(digest, "big") / (1 << 48)
