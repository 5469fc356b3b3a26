"""What can go wrong, in five kinds.

Every message says what happened, where, what was allowed, and the next step, so that whoever reads it can act
without opening the code.
"""

from __future__ import annotations


class ArianeError(Exception):
    """Any failure Ariane reports on purpose. `code` is stable: API clients and scripts may rely on it.

    >>> InputError("Unknown stage 'after'.", where="journey.toml:12", allowed="before, loyalty", next_step="Fix it.")
    InputError("journey.toml:12: Unknown stage 'after'. Allowed: before, loyalty. Fix it.")
    """

    code = "error"
    status = 500

    def __init__(self, what: str, *, where: str = "", allowed: str = "", next_step: str = "") -> None:
        self.what, self.where, self.allowed, self.next_step = what, where, allowed, next_step
        parts = (
            f"{where}: {what}" if where else what,
            f"Allowed: {allowed}." if allowed else "",
            next_step,
        )
        super().__init__(" ".join(part for part in parts if part))


class InputError(ArianeError):
    """What was given cannot be used: a file, an argument, a request body."""

    code, status = "invalid_input", 400


class ConsentError(ArianeError):
    """The purpose named may not read this person."""

    code, status = "consent_required", 403


class NotFound(ArianeError):
    """Nothing stands under that name."""

    code, status = "not_found", 404


class Conflict(ArianeError):
    """Something else holds what this needs: a lock, a newer version, a contradicting rule."""

    code, status = "conflict", 409


class Transient(ArianeError):
    """It failed now and may work later: a full disk, a busy store. Callers retry after `retry_after_s`."""

    code, status = "unavailable", 503

    def __init__(self, what: str, *, retry_after_s: int = 1, **parts: str) -> None:
        super().__init__(what, **parts)
        self.retry_after_s = retry_after_s
