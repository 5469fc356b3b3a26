"""What is true of the town: written beside the workspace while it is generated, read by tests and by nobody else."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from ariane.demo.brand import CHANNEL_EFFECTS, DAY_MS, DAYS, DELIGHTS, FRICTIONS, MOMENTS, PERSONAS, PURCHASE_SHARE
from ariane.demo.ledger import Evidence
from ariane.demo.people import Person
from ariane.errors import NotFound

_CONSENTS = ("measurement", "personalisation", "marketing", "cross_device")
SCHEMAS: dict[str, pa.Schema] = {
    "persons": pa.schema(
        [
            ("truth_id", pa.string()),
            ("household_id", pa.string()),
            ("persona", pa.string()),
            ("churned", pa.bool_()),
            ("mood", pa.float64()),
            *((f"consent_{purpose}", pa.bool_()) for purpose in _CONSENTS),
            ("marketing_withdrawn_on", pa.date32()),
            ("n_events", pa.int64()),
        ]
    ),
    "identifiers": pa.schema(
        [
            ("kind", pa.string()),
            ("value", pa.string()),
            ("truth_id", pa.string()),
            ("shared", pa.bool_()),
            ("component", pa.int32()),
            ("channels", pa.list_(pa.string())),
        ]
    ),
    "churn": pa.schema([("truth_id", pa.string()), ("churned_on", pa.date32())]),
    "intents": pa.schema([("truth_id", pa.string()), ("intent", pa.string())]),
}
"""The tables written a chunk at a time. `component`: identifiers of one person that share it are tied by events; those
of different components cannot be known to be one person's. `channels`: where an identifier was seen."""


class TruthWriter:
    """Writes the truth of a town chunk by chunk; used as a context manager."""

    def __init__(self, folder: Path, seed: int, n_persons: int, until_on: date) -> None:
        self._until_on = until_on
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in fixed_tables(until_on).items():
            pq.write_table(table, folder / f"{name}.parquet")
        meta = {"seed": seed, "n_persons": n_persons, "until": until_on.isoformat(), "days": DAYS}
        (folder / "meta.json").write_bytes(msgspec.json.format(msgspec.json.encode(meta)))
        self._writers = {name: pq.ParquetWriter(folder / f"{name}.parquet", schema) for name, schema in SCHEMAS.items()}
        self._rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in SCHEMAS}

    def add(self, person: Person, evidence: Evidence, n_events: int) -> None:
        """One person, once their rows are known."""
        truth_id = person.truth_id
        now = person.consents_at(person.until)
        consents = tuple(now[purpose] for purpose in _CONSENTS)
        withdrawn = self._day(person.withdrawn.get("marketing"))
        churned = self._day(person.churned)
        row = (truth_id, person.household.household_id, person.persona.key, churned is not None, person.mood)
        self._rows["persons"].append((*row, *consents, withdrawn, n_events))
        channels = evidence.channels()
        for kind, value, shared, component in evidence.components():
            if value not in person.passing:
                met = channels[kind, value]
                self._rows["identifiers"].append((kind, value, truth_id, shared, component, met))
        if churned is not None:
            self._rows["churn"].append((truth_id, churned))
        self._rows["intents"].append((truth_id, person.intent))

    def flush(self, least: int = 1) -> None:
        """Write the tables of which `least` rows have gathered, so that memory stays small. Each time makes a row group
        of the file, and the writer remembers them all: a large town's must not be small."""
        for name, rows in self._rows.items():
            if len(rows) >= least:
                schema = SCHEMAS[name]
                columns = [
                    pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), schema, strict=True)
                ]
                self._writers[name].write_table(pa.Table.from_arrays(columns, schema=schema))
                rows.clear()

    def _day(self, ms: int | None) -> date | None:
        return None if ms is None else self._until_on - timedelta(days=DAYS - 1) + timedelta(days=ms // DAY_MS)

    def __enter__(self) -> TruthWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            for writer in self._writers.values():
                writer.close()


def fixed_tables(until_on: date) -> dict[str, pa.Table]:
    """What was planted: the same for every seed, dated by the last day."""
    frictions = []
    for planted in FRICTIONS:
        began_on, ended_on = planted.dates(until_on)
        row = {name: getattr(planted, name) for name in planted.__struct_fields__ if name not in ("began", "ended")}
        frictions.append(row | {"began_on": began_on, "ended_on": ended_on})
    ranked = sorted(MOMENTS.items(), key=lambda item: -item[1])
    return {
        "frictions": pa.Table.from_pylist(frictions),
        "delights": pa.Table.from_pylist(
            [dict(zip(("step", "slice_property", "slice_value", "size"), delight, strict=True)) for delight in DELIGHTS]
        ),
        "moments": pa.Table.from_pylist(
            [{"step": step, "weight": weight, "rank": rank} for rank, (step, weight) in enumerate(ranked, 1)]
        ),
        "channel_effects": pa.Table.from_pylist(
            [{"channel": channel, "effect": round(e * PURCHASE_SHARE, 4)} for channel, e in CHANNEL_EFFECTS.items()]
        ),
        "personas": pa.Table.from_pylist(
            [
                {
                    "persona": p.key,
                    "share": p.share,
                    "description": p.description,
                    "description_fr": p.description_fr,
                    "name_en": p.name_en,
                    "name_fr": p.name_fr,
                }
                for p in PERSONAS
            ]
        ),
    }


def load(folder: Path | str) -> dict[str, pa.Table]:
    """The truth written in a folder, by table. NotFound when there is none.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     TruthWriter(Path(folder), seed=7, n_persons=0, until_on=date(2026, 4, 30)).__exit__(None, None, None)
    ...     [row["friction_id"] for row in load(folder)["frictions"].to_pylist()][:2]
    ['checkout-android-4.2', 'activation-calls']
    """
    folder = Path(folder)
    names = (*SCHEMAS, "frictions", "delights", "moments", "channel_effects", "personas")
    missing = [name for name in names if not (folder / f"{name}.parquet").exists()]
    if missing:
        raise NotFound(
            f"No truth of a demo town here: {missing[0]}.parquet is missing.",
            where=str(folder),
            next_step="Run 'ariane demo', or name the folder that holds its truth/.",
        )
    return {name: pq.read_table(folder / f"{name}.parquet") for name in names}
