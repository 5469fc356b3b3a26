"""Which fields of events say what of a person: linkage.toml."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import msgspec

from ariane.errors import InputError
from ariane.identity.linking import Column
from ariane.model import Purpose

FILE = "linkage.toml"


class Spoken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a column means, and the fields it is read from."""

    meaning: str
    fields: tuple[str, ...] = ()


class Linkage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What linkage.toml says: the purpose records are read for, how many columns a record must fill, the columns.

    >>> shipped = Linkage.of(Path("no-workspace"))
    >>> shipped.purpose, shipped.columns["born"].meaning
    ('measurement', 'date')
    """

    purpose: Purpose
    at_least: Annotated[int, msgspec.Meta(ge=1)]
    columns: dict[str, Spoken]

    @staticmethod
    def of(workspace: Path) -> Linkage:
        """Those of a workspace: its linkage.toml over what is shipped. InputError with what is allowed."""
        path = workspace / FILE
        try:
            text = path.read_text("utf-8") if path.exists() else ""
            said = tomllib.loads(text)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InputError(
                f"{FILE} cannot be read ({error}).", where=str(path), next_step="Mend it, or remove it."
            ) from error
        shipped = _shipped()
        columns = dict(shipped["columns"])
        given = said.pop("columns", {})
        if not isinstance(given, dict):
            raise InputError("'columns' is no table.", where=FILE, allowed="[columns.<name>]")
        for name, one in given.items():
            columns[name] = {**columns.get(name, {}), **one} if isinstance(one, dict) else one
        try:
            found = msgspec.convert({**shipped, **said, "columns": columns}, Linkage)
        except msgspec.ValidationError as error:
            raise InputError(
                f"{error}.", where=FILE, allowed="purpose, at_least, columns.<name>.meaning, .fields"
            ) from error
        for name, spoken in found.columns.items():
            Column(name, spoken.meaning)  # refuses a meaning there is none of
        return found

    def read(self) -> dict[str, Spoken]:
        """The columns that are read from something."""
        return {name: one for name, one in self.columns.items() if one.fields}

    def compared(self) -> tuple[Column, ...]:
        """The columns records have: a whole name stands in given and family where there are such."""
        kept = self.read()
        split = {"given", "family"} <= {one.meaning for one in kept.values()}
        return tuple(Column(name, one.meaning) for name, one in kept.items() if not (split and one.meaning == "name"))


@lru_cache(1)
def _shipped() -> dict[str, Any]:
    return tomllib.loads(files("ariane.identity.matching").joinpath(FILE).read_text("utf-8"))


# Made here, by one thread: two that first ask for a type's shape at the same moment end msgspec 0.22, and the process.
msgspec.json.Decoder(Linkage)
