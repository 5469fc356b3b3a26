"""What a person's receipts add up to: a pure function, the same whatever the order they came in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from ariane.consent.receipts import ANY_CHANNEL, Receipt


class Consent(msgspec.Struct, frozen=True, gc=False):
    """Where a person stands on one purpose and channel. `granted`: may be used; `said`: their own word, None when they
    said nothing; `decided_us`: when the answer that holds was given; `clash`: their identifiers do not agree."""

    granted: bool
    said: bool | None
    decided_us: int | None
    clash: bool


def decide(receipts: Iterable[Receipt], basis: str) -> Consent:
    """What these receipts of one person, about one purpose and channel, amount to under a legal basis.

    Each identifier's latest answer counts. An answer given under an identifier that names a human supersedes older ones
    given under any of the person's. Where those left do not agree, the refusal holds and the clash is noted.

    >>> def said(key, granted, at, strong=False):
    ...     return Receipt(subject_key=key, purpose="marketing", granted=granted, at_us=at, first_us=at, event_id="e",
    ...                    source="web", strong=strong)
    >>> decide([said(1, True, 10), said(2, False, 5)], "consent")
    Consent(granted=False, said=False, decided_us=5, clash=True)
    >>> decide([said(1, True, 10, strong=True), said(2, False, 5)], "consent").granted
    True
    >>> decide([], "legitimate_interest").granted, decide([], "consent").granted
    (True, False)
    """
    listed = list(receipts)
    since = max([receipt.at_us for receipt in listed if receipt.strong], default=None)
    latest: dict[int, Receipt] = {}
    for receipt in listed:
        if since is not None and receipt.at_us < since:
            continue
        held = latest.get(receipt.subject_key)
        if held is None or _is_later(receipt, held):
            latest[receipt.subject_key] = receipt
    if not latest:
        return Consent(basis != "consent", None, None, False)
    granted = {receipt.granted for receipt in latest.values()}
    said = False not in granted
    otherwise = _last_otherwise(listed, said)
    decided = max([_since(one, otherwise) for one in latest.values() if one.granted == said])
    return Consent(said or basis == "contract", said, decided, len(granted) > 1)


def _is_later(one: Receipt, other: Receipt) -> bool:
    """Said both at the same instant: the refusal is the later; then the answer for one channel, then one riding along,
    so that it does not depend on the order they are read in."""
    if one.at_us != other.at_us:
        return one.at_us > other.at_us
    if one.granted != other.granted:
        return other.granted
    return (one.channel != ANY_CHANNEL, other.slot) > (other.channel != ANY_CHANNEL, one.slot)


def _last_otherwise(listed: list[Receipt], said: bool) -> dict[int, int]:
    """When each identifier last said the opposite."""
    last: dict[int, int] = {}
    for receipt in listed:
        if receipt.granted != said:
            last[receipt.subject_key] = max(receipt.at_us, last.get(receipt.subject_key, receipt.at_us))
    return last


def _since(held: Receipt, otherwise: Mapping[int, int]) -> int:
    """When the answer that holds was given; one that rides along on events, since it last was otherwise."""
    return held.at_us if held.slot else max(held.first_us, otherwise.get(held.subject_key, held.first_us))


def decide_all(receipts: Iterable[Receipt], bases: Mapping[str, str]) -> dict[tuple[str, str], Consent]:
    """One person's consents by (purpose, channel). An answer for every channel counts on each of them."""
    general: dict[str, list[Receipt]] = {}
    special: dict[tuple[str, str], list[Receipt]] = {}
    for receipt in receipts:
        if receipt.channel == ANY_CHANNEL:
            general.setdefault(receipt.purpose, []).append(receipt)
        else:
            special.setdefault((receipt.purpose, receipt.channel), []).append(receipt)
    found = {(purpose, ANY_CHANNEL): decide(each, bases.get(purpose, "consent")) for purpose, each in general.items()}
    for (purpose, channel), each in special.items():
        found[purpose, channel] = decide([*each, *general.get(purpose, [])], bases.get(purpose, "consent"))
    return found
