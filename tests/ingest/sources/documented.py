"""The part of docs/sources.md that the mappings tell: `python -m tests.ingest.sources.documented` writes it anew."""

from __future__ import annotations

from ariane.ingest.sources import SourceKind, kinds, mapping_of, sample_of, source_kind
from tests.machine import REPOSITORY

PAGE = REPOSITORY / "docs" / "sources.md"
BEGIN, END = "<!-- from the mappings -->\n", "<!-- to here -->\n"


def told() -> str:
    """The table of kinds, then a paragraph on each."""
    found = [source_kind(key) for key in kinds()]
    rows = ["| kind | what | channel | events |", "|---|---|---|---|"]
    rows += [f"| `{one.key}` | {one.title['en']} | {_channels(one)} | {_events(one)} |" for one in found]
    return "\n".join([*rows, "", *(_paragraph(one) for one in found)])


def _channels(kind: SourceKind) -> str:
    return ", ".join(kind.channels)


def _events(kind: SourceKind) -> str:
    return ", ".join(kind.events) or "whatever the rows name"


def _paragraph(kind: SourceKind) -> str:
    mapping = mapping_of(kind.key)
    who = f"Who it was: {', '.join(kind.identifiers)}." if kind.identifiers else "Nobody's events."
    texts = f" Free texts: {', '.join(kind.free_texts)}." if kind.free_texts else ""
    form = "JSON" if sample_of(kind.key).startswith("{") else "a table"
    post = f"posted to `/v1/hooks/{kind.key}` too" if kind.hook else "not posted"
    own = ", signed in its own way" if mapping.signature is not None else ""
    lines = [
        f"### `{kind.key}`",
        "",
        f"{kind.about['en']} {who}{texts} Purpose: {kind.basis}. Read from files as {form}, {post}{own}.",
        "",
    ]
    return "\n".join(lines)


def page() -> str:
    """The page as it should be."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + "\n" + told() + "\n" + END + after


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
