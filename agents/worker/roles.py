"""Which modules make up a role."""

from __future__ import annotations

from typing import Final

ROLES: Final[dict[str, tuple[str, ...]]] = {
    "ingest": ("agents.ingest.agent",),
    "watch": ("agents.watch.model_updates", "agents.watch.agent"),
    "slo-clock": ("agents.slo_clock",),
    "notify": ("agents.notify.outbox", "agents.notify.agent"),
    "trainer": ("agents.trainer.agent",),
}
"""Modules of each role, imported only where the role runs: no worker pays for what it does not use."""
