"""What agreement is worth, learned without labels by Splink: how often two strangers agree (u) from random pairs, how
often two records of one person do (m) by expectation-maximisation within blocks, a block a session."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ariane.errors import InputError
from ariane.identity.linking.columns import NAMES
from ariane.identity.linking.levels import WORDS, Comparison, comparisons
from ariane.identity.linking.needing import needed
from ariane.identity.linking.reading import Codes, Records, Texts, Words

SEED = 4
RANDOM_PAIRS = 1_000_000
WIDEST = 400
"""A value that more records share than this starts no session: its block would hold strangers only."""

_FEWEST = 100  # pairs that a session learns from
_SHARED_BITS = """create macro shared_bits(a, b) as coalesce(list_sum(
    list_transform(list_intersect(a, b), lambda word: substr(word, 1, 4)::int)), 0)"""


class Agreement(msgspec.Struct, frozen=True):
    """A comparison and how often each of its levels is reached, from 'none of these' to 'equal': `m` between records of
    one person, `u` between records of two. Each sums to 1."""

    comparison: Comparison
    m: tuple[float, ...]
    u: tuple[float, ...]


def learn_agreements(records: Records) -> tuple[Agreement, ...]:
    """m and u of every comparison (Fellegi and Sunter 1969; EM as in Winkler 1988, computed by Splink).

    Term frequencies are left out here and put back when a pair is weighed. A level that no session saw keeps the m that
    falls by a third from each level to the next.
    """
    splink = needed("splink")
    compared = comparisons(records)
    if records.n < 2:
        raise InputError("There is nothing to learn from.", where="records", allowed="two records or more")
    with _quiet():
        connection = duckdb.connect(config={"threads": 1})
        connection.execute(_SHARED_BITS)
        api = splink.DuckDBAPI(connection)
        linker = splink.Linker(api.register(_table(records)), _settings(compared), log_level=None)
        linker.training.estimate_u_using_random_sampling(max_pairs=RANDOM_PAIRS, seed=SEED)
        for rule in _sessions(records):
            _session(linker, rule)
        learned = linker.misc.save_model_to_json()
        connection.close()
    return tuple(_agreement(one, found) for one, found in zip(compared, learned["comparisons"], strict=True))


def _session(linker: Any, rule: str) -> None:
    """Learn m within one block. Where the matches of a small block vanish, Splink refuses an m of 0 and leaves the
    session's own comparisons behind: then the other sessions teach."""
    held = linker._settings_obj.core_model_settings.copy()
    try:
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    except ValueError:
        linker._settings_obj.core_model_settings = held


def _settings(compared: tuple[Comparison, ...]) -> dict[str, Any]:
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "record",
        "probability_two_random_records_match": 1e-4,
        "blocking_rules_to_generate_predictions": [],
        "comparisons": [
            {
                "output_column_name": one.name,
                "comparison_levels": [
                    {"sql_condition": f'"{one.name}_l" is null or "{one.name}_r" is null', "is_null_level": True},
                    *({"sql_condition": test, "label_for_charts": str(level)} for level, test in one.conditions),
                    {"sql_condition": "ELSE", "label_for_charts": "0"},
                ],
            }
            for one in compared
        ],
    }


def _agreement(one: Comparison, found: dict[str, Any]) -> Agreement:
    levels = [level for level in found["comparison_levels"] if not level.get("is_null_level")][::-1]
    fallen = 3.0 ** np.arange(one.n_levels)
    m = _shares([level.get("m_probability") for level in levels], fallen / fallen.sum())
    u = _shares([level.get("u_probability") for level in levels], 1 / fallen / (1 / fallen).sum())
    return Agreement(one, tuple(float(v) for v in m), tuple(float(v) for v in u))


def _shares(found: list[float | None], otherwise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares that sum to 1 and are never 0: an unseen level is as rare as the sample can tell."""
    if all(value is None for value in found):
        return otherwise
    floored = np.array([max(float(value or 0), 0.5 / RANDOM_PAIRS) for value in found])
    return np.asarray(floored / floored.sum())


def _table(records: Records) -> pa.Table:
    columns: dict[str, Any] = {"record": np.arange(records.n)}
    for field in records.fields.values():
        columns[field.name] = _texts(field.values, field.codes)
        columns |= {f"{field.name}__{part}": _texts(of, field.codes) for part, of in field.parts.items()}
        columns[f"{field.name}__block"] = _block(field.codes)
    if records.words is not None:
        w = records.words
        coded = [f"{bits:04d}{word}" for bits, word in zip(w.bits, w.words, strict=True)]
        lists = [[coded[at] for at in w.at[i:j]] or None for i, j in zip(w.starts[:-1], w.starts[1:], strict=True)]
        columns["words"] = pa.array(lists, pa.list_(pa.string()))
        columns["names__block"] = _block(_whole(w))
    return pa.table(columns)


def _texts(values: Texts, codes: Codes) -> pa.Array:
    """A record's text; null where it is missing or empty."""
    return pa.array(np.array([*values, None], dtype=object)[codes], pa.string(), from_pandas=True)


def _block(codes: Codes) -> pa.Array:
    """What a session joins on: a value, null where it is missing or too wide-spread."""
    counts = np.bincount(codes[codes >= 0], minlength=1)
    return pa.array(codes, mask=(codes < 0) | (counts[np.maximum(codes, 0)] > WIDEST))


def _whole(w: Words) -> Codes:
    """A number for each whole name, -1 for none."""
    seen: dict[bytes, int] = {}
    held = (w.at[i:j].tobytes() for i, j in zip(w.starts[:-1], w.starts[1:], strict=True))
    return np.array([seen.setdefault(words, len(seen)) if words else -1 for words in held], np.int64)


def _sessions(records: Records) -> Iterator[str]:
    """A blocking rule for each column that tells persons apart, and one for the whole name; a comparison that reads a
    column named in the rule is left out of that session."""
    for field in records.fields.values():
        if field.meaning not in NAMES and field.meaning != "category" and _tells(field.codes):
            yield f'l."{field.name}__block" = r."{field.name}__block" and l."{field.name}" = r."{field.name}"'
    if records.words is not None and _tells(_whole(records.words), fewest=0):
        read = [f'l."{f.name}" is not null' for f in records.fields.values() if f.meaning in NAMES]
        yield " and ".join(["l.names__block = r.names__block", f"l.{WORDS} is not null", *read])


def _tells(codes: Codes, fewest: int = _FEWEST) -> bool:
    """Whether equal values pair few enough records, and some, and most are not too wide-spread (what is left of five
    towns are their misspellings): among strangers EM would learn what is alike by chance, not who is one person."""
    counts = np.bincount(codes[codes >= 0], minlength=1)
    held = counts[counts <= WIDEST]
    pairs = int((held * (held - 1) // 2).sum())
    return fewest <= pairs <= 20 * len(codes) and bool(2 * held.sum() >= counts.sum())


@contextmanager
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("splink")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
