"""Waiting times between attempts at something that is unavailable."""

from __future__ import annotations


class Backoff:
    """Doubling waits in seconds, from `first_s` up to `most_s`, and from `first_s` again after a success.

    >>> waits = Backoff(first_s=1.0, most_s=3.0)
    >>> [waits.next_s(), waits.next_s(), waits.next_s()]
    [1.0, 2.0, 3.0]
    >>> waits.reset()
    >>> waits.next_s()
    1.0
    """

    def __init__(self, first_s: float = 0.1, most_s: float = 5.0) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._wait_s = first_s

    def next_s(self) -> float:
        """How long to wait before the next attempt."""
        wait_s = self._wait_s
        self._wait_s = min(2 * wait_s, self._most_s)
        return wait_s

    def reset(self) -> None:
        """Begin anew: the last attempt succeeded."""
        self._wait_s = self._first_s
