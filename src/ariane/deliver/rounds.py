"""Rounds: take what is due, hand it to its channel, write down how it ended."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Protocol

from ariane.consent import allowed, permit
from ariane.deliver.outbox import Message, any_due, claim, settle
from ariane.errors import ArianeError, Transient
from ariane.store import State

_log = logging.getLogger("ariane.deliver")


class Adapter(Protocol):
    """Whoever carries messages of a channel. `send` may get a message again after a crash: the same id, the same
    effect. OSError and Transient mean later; InputError means never; anything else is a fault, and means later too."""

    def send(self, message: Message) -> None: ...


def deliver_due(
    state: State,
    adapters: Mapping[str, Adapter],
    now_us: int,
    *,
    limit: int = 50,
    bases: Mapping[str, str] | None = None,
) -> dict[str, int]:
    """One round: up to `limit` due messages of the channels in `adapters`; how many ended with each status.

    Who withdrew consent since a message was put in does not get it. Nothing is held open while an adapter works.
    Whatever an adapter raises is one failed attempt of its message, and keeps no other from leaving.
    """
    ended: Counter[str] = Counter()
    for channel, adapter in sorted(adapters.items()):
        with state.read() as conn:  # nobody else's writing is held up to find that there is nothing to do
            if not any_due(conn, now_us, channel):
                continue
        with state.begin() as conn:
            taken = claim(conn, now_us, limit=limit, channel=channel)
        for message in taken:
            agrees, error, give_up = _tried(state, adapter, message, bases)
            with state.begin() as conn:
                ended[settle(conn, message, now_us, error=error, give_up=give_up, withdrawn=not agrees)] += 1
    return dict(ended)


def _tried(state: State, adapter: Adapter, message: Message, bases: Mapping[str, str] | None) -> tuple[bool, str, bool]:
    """Whether the person still agrees, and how sending ended."""
    try:
        with state.read() as conn:
            may = permit(message.purpose, actor="deliver", bases=bases)
            agrees = allowed(conn, may, message.person_id, message.channel)
        return (agrees, *(_send(adapter, message) if agrees else ("", False)))
    except Exception as error:  # else the same message would end every round, for ever
        _log.error("message %s failed: %s", message.message_id, type(error).__name__)  # its text may name somebody
        return True, f"{type(error).__name__}: {error}", False


def _send(adapter: Adapter, message: Message) -> tuple[str, bool]:
    """What went wrong, if anything, and whether trying again is of any use."""
    try:
        adapter.send(message)
    except (OSError, Transient) as error:
        return str(error) or type(error).__name__, False
    except ArianeError as error:
        return str(error), True
    return "", False
