"""A record that is whole and yet no event (somebody else wrote it) is counted, and stops nothing behind it."""

from __future__ import annotations

from pathlib import Path

from tests.processes.living import answers, deliver, process, town_events, workspace
from tests.processes.test_same_answers import assert_same


def test_what_is_no_event_is_counted_and_passed_by(tmp_path: Path) -> None:
    stores, sound = workspace(tmp_path / "ws"), workspace(tmp_path / "sound")
    events = town_events(20)[:200]
    deliver(stores, events[:100])
    with stores.log.writer("web-0") as writer:
        writer.append([b'"no object"', b'{"source":"web"}', b'{"source":"web","messageId":"m","type":"dance"}'])
    deliver(stores, events[100:])
    deliver(sound, events)
    for one in (stores, sound):
        process(one)
    assert len(stores.log.damage["web-0"]) == 3
    assert_same(answers(stores), answers(sound))
    stores.close()
    sound.close()
