"""Which pairs of records are worth comparing: those that share a key few records share. Keys are single values, the
words of a name and pairs of them as they sound, and every two columns' values together; so rare combinations bring
together what no single column does. A key that more than `MOST` records share brings nothing together.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np

from ariane.identity.linking.columns import MEANINGS, NAMES, digest, skeleton
from ariane.identity.linking.merging import crossed_keys, distinct_keys, owners, paired_keys, pairs_within, salted
from ariane.identity.linking.reading import Codes, Field, Keys, Records

MOST = 100
"""The most records that a key may bring together."""

ALL = 1_000_000
"""Pairs of records that are all compared, without keys."""


class Held(msgspec.Struct, frozen=True):
    """Keys of one sort: those of record i are `keys[starts[i]:starts[i + 1]]`."""

    starts: Codes
    keys: Keys


def candidates(records: Records) -> tuple[Codes, Codes]:
    """The pairs (a < b) that share a key, each once, ascending; all pairs where there are at most `ALL`."""
    if records.n * (records.n - 1) // 2 <= ALL:
        return _everyone(records.n)
    found = [np.zeros(0, np.int64)]
    for keys, holders in keyed(records):
        order = np.lexsort((holders, keys))
        found.append(np.unique(pairs_within(keys[order], holders[order], MOST)))
    pairs = np.unique(np.concatenate(found))
    return pairs >> 32, pairs & 0xFFFFFFFF


def _everyone(n: int) -> tuple[Codes, Codes]:
    a, b = np.triu_indices(n, 1)
    return a.astype(np.int64), b.astype(np.int64)


def keyed(records: Records) -> Iterator[tuple[Keys, Codes]]:
    """Every rule's keys and the records that hold them; a record holds a key once."""
    named = _named(records)
    parts = [(f.meaning, _parts(f)) for f in records.fields.values() if f.meaning not in NAMES]
    alone = [*named[1:], *(held[0] for meaning, held in parts if MEANINGS[meaning].alone)]
    sorts = [*(held for _, held in parts), *([named[:1]] if named else [])]
    crossed = [(x, y) for i, one in enumerate(sorts) for other in sorts[i + 1 :] for x in one for y in other]
    for rule, held in enumerate(alone):
        yield salted(held.keys, rule), owners(held.starts)
    for rule, (x, y) in enumerate(crossed, len(alone)):
        yield crossed_keys(x.starts, x.keys, y.starts, y.keys, rule)


def _named(records: Records) -> list[Held]:
    """The words of the names as they sound; the words themselves; pairs of sounds."""
    if records.words is None:
        return []
    w = records.words
    sounds = np.array([digest(skeleton(word)) for word in w.words], dtype=np.uint64)
    exact = np.array([digest(word) for word in w.words], dtype=np.uint64)
    starts, keys = distinct_keys(w.starts, sounds, w.at)
    return [Held(starts, keys), Held(w.starts, exact[w.at]), Held(*paired_keys(starts, keys))]


def _parts(field: Field) -> list[Held]:
    """The values of a column, then each part of them."""
    found = []
    for texts in (field.values, *field.parts.values()):
        numbers = np.array([0, *(digest(text) if text else 0 for text in texts)], dtype=np.uint64)
        keys = numbers[field.codes + 1]
        present = keys != 0
        found.append(Held(np.concatenate([[0], np.cumsum(present)]).astype(np.int64), keys[present]))
    return found
