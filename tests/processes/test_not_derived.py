"""What a rebuild must bring back, what it must leave alone, and how messages leave and are forgotten."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from ariane import identity
from ariane.consent import permit
from ariane.deliver import Message, deliver_due, enqueue
from ariane.deliver.stored import outbox
from ariane.processes import Serving, erase, rebuild
from ariane.processes.delivering import adapters, carry
from ariane.store import Stores, metadata
from ariane.store.state import is_derived
from ariane.workspace import Workspace
from tests.processes.living import deliver, process, town_events, workspace

N_PERSONS = 25
NOT_DERIVED = {"outbox", "told_changes", "told_moves", "told_aliases", "told_before", "told_until"}
"""The tables that hold what no event says: what was sent, and what was told of persons. A new one is a decision: can it
not be an event?"""


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    made = workspace(tmp_path / "ws")
    made.close()
    file = tmp_path / "ws" / "ariane.toml"
    file.write_text('email_sender = "care@example.org"\n' + file.read_text())
    opened = Stores(tmp_path / "ws")
    deliver(opened, town_events(N_PERSONS))
    process(opened)
    return opened


def someone(stores: Stores) -> identity.threads.Thread:  # type: ignore[name-defined]
    with stores.state.read() as conn:
        row = conn.exec_driver_sql("SELECT value FROM identifiers WHERE kind = 'email' ORDER BY value").first()
        assert row is not None
        return identity.person(conn, permit("service", actor="test"), f"email:{row[0]}")


def put(stores: Stores, message_id: str, person_id: str, address: str) -> None:
    message = Message(
        message_id=message_id, person_id=person_id, purpose="service", channel="email", address_kind="email",
        address=address, payload={"subject": "Merci", "text": "À bientôt."}, created_us=0,
    )  # fmt: skip
    with stores.state.begin() as conn:
        enqueue(conn, permit("service", actor="test"), message)


def statuses(stores: Stores) -> dict[str, str]:
    with stores.state.read() as conn:
        return dict(conn.execute(sa.select(outbox.c.message_id, outbox.c.status)).tuples().all())


def address_of(thread: identity.threads.Thread) -> str:  # type: ignore[name-defined]
    return str(next(one.value for one in thread.identifiers if one.kind == "email"))


def test_every_table_is_derived_from_the_events_or_known_not_to_be(stores: Stores) -> None:
    assert {table.name for table in metadata.sorted_tables if not is_derived(table)} == NOT_DERIVED
    with stores.state.begin() as conn:
        counts = {
            table.name: conn.execute(sa.select(sa.func.count()).select_from(table)).scalar()
            for table in metadata.sorted_tables
        }
    assert counts["persons"] and counts["offsets"], "there was something to delete"
    stores.state.drop()
    with stores.state.read() as conn:
        assert set(sa.inspect(conn).get_table_names()) == NOT_DERIVED
    stores.state.create()
    process(stores)
    with stores.state.read() as conn:
        again = {
            table.name: conn.execute(sa.select(sa.func.count()).select_from(table)).scalar()
            for table in metadata.sorted_tables
        }
    assert again == counts
    stores.close()


def test_what_was_sent_is_not_sent_again_after_a_rebuild(stores: Stores) -> None:
    thread = someone(stores)
    put(stores, "m-1", thread.person_id, address_of(thread))
    assert carry(stores) == 1
    put(stores, "m-2", thread.person_id, address_of(thread))
    (stores.path / "outbox" / "m-1.eml").unlink()  # a mail server took it
    rebuild(stores)
    assert statuses(stores) == {"m-1": "sent", "m-2": "queued"}
    assert someone(stores).person_id == thread.person_id
    put(stores, "m-1", thread.person_id, address_of(thread))  # whoever caused it comes by again
    assert carry(stores) == 1 and carry(stores) == 0
    assert [file.name for file in (stores.path / "outbox").iterdir()] == ["m-2.eml"]
    stores.close()


def test_messages_to_an_erased_person_are_gone_and_the_others_stay(stores: Stores) -> None:
    thread = someone(stores)
    address = address_of(thread)
    put(stores, "m-1", thread.person_id, address)
    put(stores, "m-2", "somebody else, at the same address", address)
    put(stores, "m-3", "somebody else", "other@example.org")
    assert deliver_due(stores.state, adapters(stores), 1, limit=2) == {"sent": 2}
    erase(stores, thread.keys)
    assert set(statuses(stores)) == {"m-3"}
    assert address.encode() not in b"".join(file.read_bytes() for file in stores.path.rglob("*") if file.is_file())
    stores.close()


def test_a_decision_that_was_recorded_counts_and_survives_a_rebuild(stores: Stores) -> None:
    """Each is one event, however often it is recorded, and presses on the next."""
    with Workspace(stores.path) as ws:
        known = ws.sql("SELECT kind, value FROM identifiers WHERE kind = 'email' ORDER BY value", "service").to_dicts()
        everyone = (f"email:{row['value']}" for row in known)
        who = next(one for one in everyone if ws.decide(one).action)
        at = ws.people.person(who).last_seen_us
        first = ws.decide(who, at=at, record=True)
        assert ws.decide(who, at=at, record=True).decision_id == first.decision_id
    process(stores)

    def decided() -> list[tuple[str, str]]:
        with Workspace(stores.path) as again:
            found = again.sql("SELECT event_id, person_id FROM events WHERE event = 'Decision Made'", "service")
            return [(row["event_id"], row["person_id"]) for row in found.to_dicts()]

    before = decided()
    assert [person for _, person in before] == [first.person_id]
    rebuild(stores)
    assert decided() == before
    with Workspace(stores.path) as ws:
        later = ws.decide(who, at=at + 1)
    cap = next(
        condition
        for one in later.why
        if one.action == first.action
        for condition in one.conditions
        if condition.what.startswith(f"{first.action} in ")
    )
    assert cap.value == (0 if first.holdout else 1)
    stores.close()


def test_a_process_carries_what_is_put_in_the_outbox(stores: Stores) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    serving = Serving(stores.path, "127.0.0.1", port)
    assert "deliver" in serving.workers.roles, "the settings say from whom"
    serving = Serving(stores.path, "127.0.0.1", port, roles=("deliver", "collector"))
    serving.start()
    try:
        thread = someone(stores)
        put(stores, "m-1", thread.person_id, address_of(thread))
        until = time.monotonic() + 90
        while statuses(stores)["m-1"] != "sent":
            assert time.monotonic() < until
            serving.watch()
            time.sleep(0.1)
        assert (stores.path / "outbox" / "m-1.eml").exists()
    finally:
        serving.stop()
        stores.close()
