"""Whether a broker listens."""

import socket

import pytest

from infra.kafka.probe import probe
from models.errors import Misconfigured, Unavailable


def test_one_of_several_that_listens_is_enough() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        probe(f"127.0.0.1:1,127.0.0.1:{listening.getsockname()[1]}")


def test_nobody_listens() -> None:
    with pytest.raises(Unavailable, match=r"no answer from 127\.0\.0\.1:1"):
        probe("127.0.0.1:1")


def test_an_address_without_a_port_is_no_address() -> None:
    with pytest.raises(Misconfigured, match="'kafka' is no address of a broker: write host:port"):
        probe("kafka")
