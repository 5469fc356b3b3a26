"""What waits in the outbox leaves, and what was sent to somebody who is erased goes with them."""

from __future__ import annotations

import time
from collections.abc import Collection

from ariane.deliver import Adapter, EmailFiles, deliver_due, forget
from ariane.identity.copying import holders
from ariane.store import Stores

OUTBOX = "outbox"


def adapters(stores: Stores) -> dict[str, Adapter]:
    """Who carries the messages of each channel in this workspace: e-mails, once the setting `email_sender` says from
    whom."""
    sender = stores.settings.email_sender
    return {"email": EmailFiles(stores.path / OUTBOX, sender)} if sender else {}


def carry(stores: Stores) -> int:
    """One round: hand every message that is due to its channel; how many were taken."""
    bases = {name: purpose.basis for name, purpose in stores.settings.purposes.items()}
    return sum(deliver_due(stores.state, adapters(stores), time.time_ns() // 1000, bases=bases).values())


def unsend(stores: Stores, keys: Collection[int]) -> int:
    """Forget every message to the persons and addresses of these identifiers: in the outbox, and the file of each
    e-mail nobody has taken away yet. How many there were."""
    with stores.state.begin() as conn:
        gone = forget(conn, holders(conn, keys), keys)
    for message_id in gone:
        (stores.path / OUTBOX / f"{message_id}.eml").unlink(missing_ok=True)
        (stores.path / OUTBOX / f"{message_id}.part").unlink(missing_ok=True)
    return len(gone)
