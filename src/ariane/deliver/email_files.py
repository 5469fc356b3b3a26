"""E-mail as files: one `.eml` a message, for a mail server to pick up, or for eyes."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from ariane.deliver.outbox import Message
from ariane.errors import InputError
from ariane.model import SECOND


class EmailFiles:
    """Writes each message of channel email into `folder` as `<message_id>.eml`, whole or not at all.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> EmailFiles(folder, "care@example.org").send(Message(
    ...     message_id="m-1", person_id="p", purpose="service", channel="email", address_kind="email",
    ...     address="ana@example.org", payload={"subject": "Merci", "text": "À bientôt."}, created_us=0))
    >>> [file.name for file in folder.iterdir()]
    ['m-1.eml']
    """

    def __init__(self, folder: Path, sender: str) -> None:
        self.folder, self.sender = folder, sender

    def send(self, message: Message) -> None:
        """Write the file; again changes nothing. InputError for an address, a subject or an id that cannot be one."""
        if message.address_kind != "email":
            raise InputError(f"'{message.address_kind}' is no kind of e-mail address.", where=message.message_id)
        if not re.fullmatch(r"[\w.-]{1,120}", message.message_id, re.ASCII) or message.message_id.startswith("."):
            raise InputError(
                "The id cannot name a file.", where=ascii(message.message_id), allowed="letters, digits, _ . -"
            )
        content = self._written(message)
        self.folder.mkdir(parents=True, exist_ok=True)
        target = self.folder / f"{message.message_id}.eml"
        if target.exists():
            return
        draft = target.with_suffix(".part")
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)

    def _written(self, message: Message) -> bytes:
        email = EmailMessage()
        try:
            email["From"] = Address(addr_spec=self.sender)
            email["To"] = Address(addr_spec=message.address)
            email["Subject"] = str(message.payload["subject"])
            email["Date"] = format_datetime(datetime.fromtimestamp(message.created_us / SECOND, UTC))
            email["Message-ID"] = f"<{message.message_id}@{self.sender.partition('@')[2]}>"
            email.set_content(str(message.payload["text"]))
            if "html" in message.payload:
                email.add_alternative(str(message.payload["html"]), subtype="html")
        except (
            KeyError,
            ValueError,
            IndexError,
            MessageError,
        ) as error:  # header injection, a malformed address, no subject
            raise InputError(
                f"This is no e-mail: {error}.", where=message.message_id, allowed="subject, text, html"
            ) from error
        return email.as_bytes()
