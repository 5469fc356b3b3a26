"""When other identity rules are in force than those the state was solved by, it is solved again, whole."""

from __future__ import annotations

from typing import Any

from ariane.consent import absorb as note_consent
from ariane.errors import InputError, Transient
from ariane.identity.guarding import Version, version_of
from ariane.identity.steering import resolve_all, solved_by
from ariane.store import Stores

WAIT_S = 2


def in_force(stores: Stores) -> Version:
    """The rules in force. Transient while there are none that can be used: whoever follows the log waits until the file
    is mended, and ties nobody by rules that nobody wrote."""
    try:
        return version_of(stores.path)
    except InputError as error:
        raise Transient(str(error), retry_after_s=WAIT_S) from error


def renew(stores: Stores, number: int | None, consents: Any) -> int:
    """Solve the whole history again where the version in force is not the one the state was solved by (`number`, None:
    ask the state), in one transaction; the version it is solved by now. Before any version was applied, nothing."""
    version = in_force(stores)
    if version.number == number:
        return number
    with stores.state.begin() as conn:
        if solved_by(conn) != version.number:
            changes = resolve_all(conn, version.rules)
            note_consent(conn, [], changes, stores.settings.consent_categories, consents)
            solved_by(conn, version.number)
    return version.number
