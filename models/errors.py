"""The three meanings an error can have, and what the caller does about each.

===============  ==========================  ==========================================
class            whose fault                 what the shell does
===============  ==========================  ==========================================
`Rejected`       the data's                  park it with the reason, go on
`Unavailable`    a dependency's, for now     retry with backoff, hold the stream back
`Misconfigured`  the operator's              stop at once and say what to change
===============  ==========================  ==========================================
"""

from __future__ import annotations

from models.reasons import RejectReason


class TidewatchError(Exception):
    """Root of every error this project raises on purpose."""


class Rejected(TidewatchError):
    """Input that can never be used; carries the member of the closed set of reasons and a detail for people."""

    def __init__(self, reason: RejectReason, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail


class Unavailable(TidewatchError):
    """A dependency does not answer at present; the same call may succeed later."""

    def __init__(self, dependency: str, detail: str) -> None:
        super().__init__(f"{dependency} is unavailable: {detail}")
        self.dependency = dependency
        self.detail = detail


class Misconfigured(TidewatchError):
    """Something a person has to change; the message is one line and says what."""
