"""What one value looks like: an e-mail address, a telephone, a payment card, a bank account, a French social security
number, an address on the network. Each has a form and, where there is one, a check digit that chance seldom gets right.

Sources: e-mail, the addr-spec of RFC 5322 as people use it; telephones, E.164 and the French national plan (decision of
the regulator ARCEP 2018-0881); cards, the check digit of Luhn (US patent 2,950,048, 1960) and the issuer ranges of
ISO/IEC 7812; accounts, ISO 13616 with the check of ISO 7064 (mod 97-10); social security numbers, the control key of
INSEE (97 minus the number mod 97).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any, NamedTuple

KINDS = ("email", "phone", "card", "iban", "nir", "ip")


class Sign(NamedTuple):
    """What a value looks like. `passes`: whatever can be checked is right; numbers that only have the length are told
    too, since a field in which most of them fail the check holds something else. `sure`: the form alone tells (an @, a
    plus, groups); otherwise chance makes such numbers, and only a field full of them tells. `whole`: it is all of the
    text. `text` is the value itself: it is never stored, only `masked`."""

    kind: str
    text: str
    sure: bool
    whole: bool
    passes: bool = True


IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18, "NO": 15,
    "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24, "SI": 19,
    "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
}  # fmt: skip
"""Length of an account number by country (the registry of ISO 13616)."""

_FILES = frozenset(
    ("png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico", "css", "js", "mjs", "map", "json", "xml", "html", "htm",
     "php", "pdf", "zip", "gz", "csv", "txt", "mp4", "woff", "woff2", "local", "localhost", "internal")
)  # fmt: skip
"""What ends the name of a file or of a machine of ours, not of a domain people have an address at."""

_EMAIL = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9][A-Za-z0-9._%+'-]{0,63}@((?:[A-Za-z0-9-]{1,63}\.)+)([A-Za-z]{2,24})(?![\w@-])"
)
_E164 = re.compile(r"(?<![\w+])(?:\+|00(?=[1-9]))[1-9](?:[ .\-()]{0,2}\d){7,14}(?!\d)")
_NATIONAL = re.compile(r"(?<![\w.+-])0[1-9](?:([ .\-])\d{2}(?:\1\d{2}){3}|\d{8})(?![\w-])")
_DECIMAL = re.compile(r"\+?\d+\.\d+")
_GROUPS = re.compile(r"(?<![\w-])(?:\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|3[47]\d{2}([ -])\d{6}\2\d{5})(?![\w-])")
_DIGITS = re.compile(r"(?<![\w.-])\d{13,19}(?![\w-])")
_IBAN = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]{1,4}){3,9})(?![A-Za-z0-9])")
_NIR = re.compile(
    r"(?<![\w-])[1-478] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[ABab]) ?\d{3} ?\d{3} ?\d{2}(?![\w-])"
)
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:.])")
_CLUE = re.compile(r"@|\d.{0,3}\d.{0,3}\d.{0,3}\d|::")


def signs(value: Any) -> Iterator[Sign]:
    """What a value looks like: nothing for most, several for a text that holds several.

    >>> [sign.kind for sign in signs("ana@example.org, 06 12 34 56 78")]
    ['email', 'phone']
    >>> [(sign.kind, sign.passes) for sign in signs("4111 1111 1111 1112")], list(signs("ORD-2026-000123, icon@2x.png"))
    ([('card', False)], [])
    """
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, (int, float)):
        if isinstance(value, int) and 10**12 <= value < 10**19:
            yield from _numbers(str(value))
        return
    if not isinstance(value, str) or len(value) < 6 or not _CLUE.search(value[:4_000]):
        return
    text = value[:4_000].strip()
    if "@" in text:
        for found in _EMAIL.finditer(text):
            if found[2].lower() not in _FILES and ".." not in found[0]:
                yield Sign("email", found[0], True, found[0] == text)
    yield from _phones(text)
    yield from _numbers(text)
    for found in _IBAN.finditer(text):
        if len(found[1].replace(" ", "")) == IBAN_LENGTHS.get(found[1][:2].upper()):
            yield Sign("iban", found[0], True, found[0] == text, is_iban(found[1]))
    yield from _addresses(text)


def _phones(text: str) -> Iterator[Sign]:
    for found in _E164.finditer(text):
        digits = re.sub(r"\D", "", found[0]).removeprefix("00")
        if 8 <= len(digits) <= 15 and len(set(digits)) > 2:
            sure = found[0][0] == "+" and not _DECIMAL.fullmatch(found[0])
            yield Sign("phone", found[0], sure, found[0] == text)
    for found in _NATIONAL.finditer(text):
        if len(set(re.sub(r"\D", "", found[0]))) > 2:
            yield Sign("phone", found[0], found[1] is not None, found[0] == text)


def _numbers(text: str) -> Iterator[Sign]:
    for found in _GROUPS.finditer(text):
        yield Sign("card", found[0], True, found[0] == text, is_card(found[0]))
    for found in _DIGITS.finditer(text):
        yield Sign("card", found[0], False, found[0] == text, is_card(found[0]))
    for found in _NIR.finditer(text):
        yield Sign("nir", found[0], " " in found[0], found[0] == text, is_nir(found[0]))


def _addresses(text: str) -> Iterator[Sign]:
    for pattern in (_IPV4, _IPV6):
        for found in pattern.finditer(text):
            try:
                address = ip_address(found[0])
            except ValueError:
                continue
            if address.is_global:  # versions of programs are written so too, but seldom with numbers over 99
                sure = address.version == 6 or any(len(part) > 2 for part in found[0].split("."))
                yield Sign("ip", found[0], sure, found[0] == text)


def is_card(text: str) -> bool:
    """Whether digits are a payment card's: a known issuer's range, its length, and the check digit of Luhn.

    >>> is_card("4111111111111111"), is_card("4111111111111112"), is_card("1234567812345670")
    (True, False, False)
    """
    digits = re.sub(r"[ -]", "", text)
    length, two, four = len(digits), int(digits[:2]), int(digits[:4])
    known = (
        (digits[0] == "4" and length in (13, 16, 19))
        or ((51 <= two <= 55 or 2221 <= four <= 2720) and length == 16)
        or (two in (34, 37) and length == 15)
        or ((four == 6011 or two == 65 or 644 <= int(digits[:3]) <= 649) and length in (16, 19))
        or ((300 <= int(digits[:3]) <= 305 or two in (36, 38, 39)) and length == 14)
        or (3528 <= four <= 3589 and length in (16, 19))
        or (two == 62 and 16 <= length <= 19)
    )
    return known and len(set(digits)) > 1 and luhn(digits)


def luhn(digits: str) -> bool:
    """Whether the last digit checks the others: from the right, every second one doubled, the digits' sum a multiple
    of ten."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        n = int(digit) * (1 + place % 2)
        total += n - 9 if n > 9 else n
    return total % 10 == 0


def is_iban(text: str) -> bool:
    """Whether a text is a bank account's number: its country's length, and mod 97-10.

    >>> is_iban("DE89 3704 0044 0532 0130 00"), is_iban("DE88 3704 0044 0532 0130 00")
    (True, False)
    """
    account = text.replace(" ", "").upper()
    if len(account) != IBAN_LENGTHS.get(account[:2]) or not account.isascii() or not account.isalnum():
        return False
    return int("".join(str(int(sign, 36)) for sign in account[4:] + account[:4])) % 97 == 1


def is_nir(text: str) -> bool:
    """Whether a text is a French social security number with its key. Corsica's 2A and 2B count as 19 and 18.

    >>> is_nir("2 69 05 49 588 157 80"), is_nir("2 69 05 49 588 157 81")
    (True, False)
    """
    digits = text.replace(" ", "").upper().replace("2A", "19", 1).replace("2B", "18", 1)
    return digits.isdigit() and len(digits) == 15 and int(digits[13:]) == 97 - int(digits[:13]) % 97


def masked(text: str, kind: str) -> str:
    """A value of a kind as it may be shown: enough to find it at its source, too little to use it.

    >>> masked("ana.diaz@example.org", "email"), masked("+33612345678", "phone"), masked("4111111111111111", "card")
    ('a…@….org', '+33…78', '…1111')
    """
    if kind == "email":
        return f"{text[:1]}…@….{text.rsplit('.', 1)[-1][:24]}"
    if kind == "phone":
        return f"{text[:3]}…{text[-2:]}"
    if kind == "ip":
        return f"{re.split('[.:]', text)[0]}.…"
    return f"…{text[-4:]}" if kind == "card" else f"{text[:2]}…{text[-2:]}"
