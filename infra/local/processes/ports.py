"""Which loopback port a service gets."""

from __future__ import annotations

import socket
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class ChosenPort:
    """A port that was free a moment ago, and whether it is the one that was wanted."""

    number: int
    wanted: int

    @property
    def note(self) -> str:
        """Why the port differs from the wanted one; empty when it does not."""
        return f"port {self.wanted} is taken" if self.wanted and self.number != self.wanted else ""


def choose_port(wanted: int = 0) -> ChosenPort:
    """`wanted` if it is free on the loopback address, else any free one (`wanted` 0: any).

    Free is told by binding without SO_REUSEADDR's leniency towards live listeners: Linux still refuses an address that
    somebody listens on, while connections of a stopped service in TIME_WAIT do not count as taken.
    """
    for number in (wanted, 0) if wanted else (0,):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, number))
            except OSError:
                continue
            return ChosenPort(int(probe.getsockname()[1]), wanted)
    raise OSError("no free TCP port on the loopback address")


def answers(port: int, timeout_s: float = 0.5) -> bool:
    """Whether something accepts connections on the loopback port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout_s):
            return True
    except OSError:
        return False
