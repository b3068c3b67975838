"""A service gets the port it wants, or another and the reason."""

from __future__ import annotations

import socket

from infra.local.processes.ports import LOOPBACK, answers, choose_port


def test_the_wanted_port_is_taken_when_it_is_free() -> None:
    free = choose_port().number
    chosen = choose_port(free)
    assert (chosen.number, chosen.note) == (free, "")


def test_another_port_is_chosen_and_said_when_somebody_listens_on_the_wanted_one() -> None:
    with socket.create_server((LOOPBACK, 0)) as somebody:
        wanted = somebody.getsockname()[1]
        assert answers(wanted)
        chosen = choose_port(wanted)
    assert chosen.number != wanted
    assert chosen.note == f"port {wanted} is taken"


def test_nothing_answers_on_a_free_port() -> None:
    assert not answers(choose_port().number)
