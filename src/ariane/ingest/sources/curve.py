"""Whether an ECDSA signature on the curve P-256 is a public key's: no secret is at hand here, so time tells nothing.

Source: FIPS 186-5 (2023), section 6.4.2; the curve, SP 800-186 (2023), section 3.2.1.3.
"""

from __future__ import annotations

from base64 import b64decode
from hashlib import sha256

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
A = P - 3
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200" + "04")
"""What a public key on this curve begins with (RFC 5480): its algorithm, its curve, an uncompressed point."""

Point = tuple[int, int] | None


def is_signed_by(key: str, signature: str, message: bytes) -> bool:
    """Whether `signature` (DER, base64) of the message's SHA-256 was made with the private half of `key` (DER, base64).

    False, too, for a key or a signature that is none.

    >>> is_signed_by("", "", b"")
    False
    """
    try:
        public, given = b64decode(key, validate=True), b64decode(signature, validate=True)
    except ValueError:
        return False
    numbers = _numbers(given)
    if not public.startswith(HEAD) or len(public) != len(HEAD) + 64 or numbers is None:
        return False
    x, y = int.from_bytes(public[-64:-32], "big"), int.from_bytes(public[-32:], "big")
    r, s = numbers
    if max(x, y) >= P or (y * y - (x * x * x + A * x + B)) % P or not (0 < r < N and 0 < s < N):
        return False
    inverse = pow(s, -1, N)
    digest = int.from_bytes(sha256(message).digest(), "big")
    found = _sum(_times(digest * inverse % N, G), _times(r * inverse % N, (x, y)))
    return found is not None and found[0] % N == r


def _numbers(der: bytes) -> tuple[int, int] | None:
    """The two integers of a DER sequence; None when it is not exactly that."""
    if len(der) < 8 or der[0] != 0x30 or der[1] != len(der) - 2 or der[1] > 0x7F:
        return None
    found, at = [], 2
    for _ in range(2):
        if at + 2 > len(der) or der[at] != 0x02 or at + 2 + der[at + 1] > len(der):
            return None
        found.append(int.from_bytes(der[at + 2 : at + 2 + der[at + 1]], "big", signed=True))
        at += 2 + der[at + 1]
    return (found[0], found[1]) if at == len(der) else None


def _sum(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return one or other
    (x, y), (u, v) = one, other
    if x == u and (y + v) % P == 0:
        return None
    slope = (3 * x * x + A) * pow(2 * y, -1, P) if one == other else (v - y) * pow(u - x, -1, P)
    w = (slope * slope - x - u) % P
    return w, (slope * (x - w) - y) % P


def _times(factor: int, point: Point) -> Point:
    total: Point = None
    while factor:
        if factor & 1:
            total = _sum(total, point)
        point, factor = _sum(point, point), factor >> 1
    return total
