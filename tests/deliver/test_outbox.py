"""A message leaves once, later, never, or not at all any more; and every one of these is written down."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ariane.consent import permit
from ariane.consent.stored import consents
from ariane.deliver import EmailFiles, Message, claim, deliver_due, enqueue, forget, settle
from ariane.deliver.stored import outbox
from ariane.errors import ConsentError, InputError, Transient
from ariane.model import MINUTE, SECOND
from ariane.store import State

SERVICE, MARKETING = (permit(purpose, actor="test") for purpose in ("service", "marketing"))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[State]:
    where = tmp_path / "state.db" if request.param == "sqlite" else request.getfixturevalue("postgres_database")
    opened = State(where)
    opened.create()
    yield opened
    opened.close()


def message(number: int = 1, **changes: Any) -> Message:
    given = {"message_id": f"m-{number}", "person_id": "ana", "purpose": "service", "channel": "email"}
    given |= {"address_kind": "email", "address": "ana@example.org", "created_us": 0}
    return Message(**{**given, "payload": {"subject": "Ça va ?", "text": "À bientôt."}, **changes})


def put(state: State, *messages: Message) -> None:
    with state.begin() as conn:
        for one in messages:
            enqueue(conn, permit(one.purpose, actor="test"), one)


def agree(state: State, granted: bool) -> None:
    row = {"person_id": "ana", "purpose": "marketing", "channel": "email", "granted": granted, "decided_us": 1}
    row |= {"clash": False, "version": 0}
    with state.begin() as conn:
        conn.execute(sa.delete(consents))
        conn.execute(sa.insert(consents), [row])


def status(state: State) -> dict[str, str]:
    with state.read() as conn:
        return {row.message_id: row.status for row in conn.execute(sa.select(outbox))}


class Broken:
    def __init__(self, error: Exception) -> None:
        self.error, self.tried = error, 0

    def send(self, message: Message) -> None:
        self.tried += 1
        raise self.error


def test_a_message_is_written_once_however_often_it_is_put_in(state: State, tmp_path: Path) -> None:
    put(state, message(), message(payload={"subject": "other", "text": ""}), message(2))
    files = EmailFiles(tmp_path / "outbox", "care@example.org")
    assert deliver_due(state, {"email": files}, 1) == {"sent": 2}
    assert deliver_due(state, {"email": files}, 10**15) == {}
    written = message_from_bytes((tmp_path / "outbox" / "m-1.eml").read_bytes(), policy=policy.default)
    assert (written["To"], written["Subject"]) == ("ana@example.org", "Ça va ?")
    assert written.get_content().strip() == "À bientôt."
    assert sorted(file.name for file in (tmp_path / "outbox").iterdir()) == ["m-1.eml", "m-2.eml"]


def test_what_rolls_back_was_never_put_in(state: State) -> None:
    with pytest.raises(ZeroDivisionError), state.begin() as conn:
        enqueue(conn, SERVICE, message())
        raise ZeroDivisionError
    assert status(state) == {}


def test_consent_is_asked_going_in_and_again_going_out(state: State, tmp_path: Path) -> None:
    offer = message(purpose="marketing")
    with state.begin() as conn, pytest.raises(ConsentError, match="may not be reached by email"):
        enqueue(conn, MARKETING, offer)
    with state.begin() as conn, pytest.raises(InputError, match="cannot carry"):
        enqueue(conn, SERVICE, offer)
    agree(state, True)
    put(state, offer)
    agree(state, False)
    assert deliver_due(state, {"email": EmailFiles(tmp_path / "out", "care@example.org")}, 1) == {"withdrawn": 1}
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "error",
    [
        OSError("disk full"),
        Transient("The server is busy."),
        KeyError("smtp"),
        UnicodeEncodeError("ascii", "é", 0, 1, "no"),
    ],
)
def test_a_failure_is_tried_again_ever_later_and_then_given_up(state: State, error: Exception) -> None:
    put(state, message())
    broken, now, waits = Broken(error), 1, []
    while status(state)["m-1"] == "queued":
        deliver_due(state, {"email": broken}, now)
        with state.read() as conn:
            row = conn.execute(sa.select(outbox)).one()
        waits.append((row.next_us - now) // SECOND)
        assert deliver_due(state, {"email": broken}, row.next_us - 1) == {}, "not before its time"
        now = row.next_us
    assert (status(state)["m-1"], broken.tried) == ("failed", 8)
    assert waits[:3] == [30, 60, 120] and str(error) in row.error


def test_a_message_that_no_adapter_can_carry_keeps_no_other_from_leaving(state: State) -> None:
    class Fussy:
        def send(self, message: Message) -> None:
            if message.message_id == "m-1":
                raise ValueError("never like this")

    put(state, message(), message(2), message(3))
    with state.begin() as conn:
        conn.execute(sa.update(outbox).where(outbox.c.message_id == "m-3").values(payload="{no"))
    assert deliver_due(state, {"email": Fussy()}, 1) == {"queued": 1, "sent": 1}
    assert status(state) == {"m-1": "queued", "m-2": "sent", "m-3": "failed"}


def test_a_message_that_ends_whoever_takes_it_is_given_up(state: State) -> None:
    put(state, message())
    taken, now = 0, 1
    while status(state)["m-1"] in ("queued", "claimed") and taken < 20:
        with state.begin() as conn:
            taken += len(claim(conn, now))  # and the process is gone
        now += 6 * MINUTE
    assert (status(state)["m-1"], taken) == ("failed", 8)


@pytest.mark.parametrize(
    "changes",
    [
        {"payload": {"subject": "a\nBcc: all@example.org", "text": ""}},
        {"address": "not an address"},
        {"address": "@example.org"},
        {"address": "ana@example.org\nBcc: all@example.org"},
        {"address_kind": "phone"},
        {"payload": {"text": "no subject"}},
        {"message_id": "../m-1"},
    ],
)
def test_what_can_never_be_an_e_mail_fails_at_once(changes: dict[str, Any], tmp_path: Path) -> None:
    state = State(tmp_path / "state.db")
    state.create()
    put(state, message(**changes))
    assert deliver_due(state, {"email": EmailFiles(tmp_path / "out", "care@example.org")}, 1) == {"failed": 1}
    assert not list(tmp_path.rglob("*.eml"))
    state.close()


def test_a_lease_keeps_others_away_and_ends(state: State) -> None:
    put(state, message())
    with state.begin() as conn:
        first = claim(conn, 1)
        assert claim(conn, 1) == []
        assert claim(conn, 4 * MINUTE) == []
        second = claim(conn, 6 * MINUTE)
        assert [one.attempts for one in (*first, *second)] == [1, 2]
        assert settle(conn, first[0], 6 * MINUTE, error="too late") == "claimed", "its lease was lost"
        assert settle(conn, second[0], 6 * MINUTE) == "sent"
        assert claim(conn, 10**15) == []


def test_other_channels_wait_for_their_adapter_and_forgetting_leaves_nothing(state: State, tmp_path: Path) -> None:
    put(state, message(1, channel="sms"), message(2), message(3, person_id="bob"))
    assert deliver_due(state, {"email": EmailFiles(tmp_path / "out", "care@example.org")}, 1, limit=1) == {"sent": 1}
    assert status(state)["m-1"] == "queued"
    with state.begin() as conn:
        assert sorted(forget(conn, ["ana"])) == ["m-1", "m-2"]
    assert set(status(state)) == {"m-3"}
