"""Ports: what is chosen, and what is said about a port that is taken."""

import os
import socket

import pytest

from fraud.errors import ConfigurationError, ConflictError
from local_aws.stack.ports import HOST, Ports, check_free, is_free


def test_ports__option_wins_over_variable_over_default() -> None:
    assert Ports.chosen(None, None, {}) == Ports(8080, 4566)
    assert Ports.chosen(None, None, {"PORT": "9001", "AWS_PORT": "9002"}) == Ports(9001, 9002)
    assert Ports.chosen(9003, None, {"PORT": "9001", "AWS_PORT": ""}) == Ports(9003, 4566)


@pytest.mark.parametrize("value", ["http", "0", "65536", "-1", "80.5"])
def test_ports__no_port_number_is_refused(value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"PORT is '{value}'; expected a port number, 1 to 65535"):
        Ports.chosen(None, None, {"PORT": value})


def test_ports__the_same_twice_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="both 9000"):
        Ports.chosen(9000, 9000, {})


def test_ports__a_taken_one_is_named_with_its_process_and_what_to_do() -> None:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        taken = listener.getsockname()[1]
        assert not is_free(taken)
        with pytest.raises(ConflictError) as refusal:
            check_free(Ports(airflow=taken, aws=1 if taken != 1 else 2))
    assert f"port {taken} is taken by process {os.getpid()}" in str(refusal.value)
    assert "PORT=" in str(refusal.value)
    assert is_free(taken)
