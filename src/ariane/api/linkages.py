"""Records without shared keys: looking for those that are alike, and asking whether one more's person is known."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from ariane.api.endpoint import Endpoint, Text
from ariane.api.persons import ACTOR
from ariane.identity.matching import Pair
from ariane.linkage import Candidate
from ariane.workspace import Workspace


class LinkAsked(msgspec.Struct, frozen=True):
    """With `check` nothing is written."""

    check: bool = False
    actor: Text = ACTOR


class LinkAnswer(msgspec.Struct, frozen=True):
    """What looking found, and in words; `merged` were tied, or would be."""

    written: bool
    purpose: str
    columns: tuple[str, ...]
    n_records: int
    n_held_back: int
    merged: tuple[Pair, ...]
    reviews: tuple[Pair, ...]
    n_answers: int
    taught: bool
    model: str
    words: tuple[str, ...]


def link_records(workspace: Workspace, asked: LinkAsked) -> LinkAnswer:
    found = workspace.linkage.look(check=asked.check, actor=asked.actor)
    said = {name: getattr(found, name) for name in LinkAnswer.__struct_fields__ if name != "words"}
    return LinkAnswer(words=found.words(), **said)


class KnownAsked(msgspec.Struct, frozen=True):
    """`record`: column of linkage.toml → value."""

    record: dict[str, Text]
    limit: Annotated[int, Meta(ge=1, le=100)] = 10
    lowest: Annotated[float, Meta(ge=0, le=1)] = 0.5


class KnownAnswer(msgspec.Struct, frozen=True):
    """Who may be the record's person, the surest first."""

    candidates: tuple[Candidate, ...]


def known(workspace: Workspace, asked: KnownAsked) -> KnownAnswer:
    return KnownAnswer(workspace.linkage.known(asked.record, limit=asked.limit, lowest=asked.lowest, actor=ACTOR))


ENDPOINTS = (
    Endpoint("POST", "/api/link", link_records, LinkAsked, "Tie records that are one person's by what they say."),
    Endpoint("POST", "/api/known", known, KnownAsked, "Whether the person of a record is known."),
)
