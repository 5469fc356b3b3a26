"""Many sources, one person: the samples speak of one Ana, by her number, her address, her card, her lamp and the wallet
its twin is in."""

from __future__ import annotations

from pathlib import Path

from ariane.ingest.importers import run_import
from ariane.ingest.sources import kinds, sample_of, source_kind
from ariane.workspace import Workspace
from tests.processes import living


def test_every_sample_in_one_workspace(tmp_path: Path) -> None:
    stores = living.workspace(tmp_path / "shop")
    with stores.log.writer("import") as writer:
        for kind in kinds():
            file = tmp_path / source_kind(kind).sample
            file.write_text(sample_of(kind), encoding="utf-8")
            run_import(kind, file, writer=writer, resume_dir=stores.path / "imports")
    living.process(stores)
    stores.close()
    with Workspace(tmp_path / "shop") as ws:
        ana = ws.people.person("email:ana@example.org")
        bo = ws.people.person("email:bo@example.org")
        events = ws.sql("SELECT person_id, event, channel FROM events").to_dicts()
        withdrawn = ws.sql("SELECT person_id FROM consents WHERE purpose = 'marketing' AND NOT granted").to_dicts()
    names = {f"{one.kind}:{one.value}" for one in ana.identifiers}
    assert {"user_id:c-7", "object_serial:FIL-00017", "wallet:0xa1b2c3", "loyalty_card:L2001"} <= names
    assert {"cookie:zendesk-8447388090494", "caller_number:+33612345678", "phone:+33612345678"} <= names
    assert bo.person_id != ana.person_id and not {name for name in names if "bo@" in name or "gone@" in name}
    channels = {row["channel"] for row in events if row["person_id"] == ana.person_id}
    assert channels >= {
        "web", "store", "email", "sms", "object", "virtual_world", "call_centre", "partner", "mail", "word_of_mouth",
        "voice_assistant", "social",
    }  # fmt: skip
    nobodys = {row["event"] for row in events if not row["person_id"]}
    assert {"Visitors Counted", "Competitor Price Seen"} <= nobodys
    assert ana.person_id in {row["person_id"] for row in withdrawn}  # she left the list in Mailjet's sample
