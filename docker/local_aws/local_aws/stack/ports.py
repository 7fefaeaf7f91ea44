"""Which ports the stack listens on, whether they are free, and who has them."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from fraud.errors import ConfigurationError, ConflictError

__all__ = ["HOST", "Ports", "check_free", "is_free", "who_listens"]

HOST = "127.0.0.1"
MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports of the Airflow UI and of the local AWS, both on the loopback address."""

    airflow: int = 8080
    aws: int = 4566

    @classmethod
    def chosen(cls, airflow: int | None, aws: int | None, environment: Mapping[str, str] = os.environ) -> Ports:
        """Return the ports that options, then ``PORT`` and ``AWS_PORT``, ask for.

        Raises
        ------
        ConfigurationError
            When one is no port number, or both are the same.
        """
        ports = cls(
            _number("PORT", airflow if airflow is not None else environment.get("PORT") or 8080),
            _number("AWS_PORT", aws if aws is not None else environment.get("AWS_PORT") or 4566),
        )
        if ports.airflow == ports.aws:
            raise ConfigurationError(f"PORT and AWS_PORT are both {ports.aws}; give them different numbers")
        return ports


def _number(name: str, value: int | str) -> int:
    try:
        number = int(value)
    except ValueError:
        number = 0
    if not 0 < number <= MAX_PORT:
        raise ConfigurationError(f"{name} is {value!r}; expected a port number, 1 to {MAX_PORT}")
    return number


def is_free(port: int) -> bool:
    """Say whether a server could listen on a port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def who_listens(port: int) -> str:
    """Return the name and id of the process that listens on a port, or a guess that it is another user's."""
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return "another process"


def check_free(ports: Ports) -> None:
    """Refuse to start where a port is in use.

    Raises
    ------
    ConflictError
        Naming the port, who has it, and how to choose another.
    """
    for variable, port in (("PORT", ports.airflow), ("AWS_PORT", ports.aws)):
        if not is_free(port):
            raise ConflictError(
                f"port {port} is taken by {who_listens(port)}; "
                f"stop it, or choose another port, for example {variable}={port % 60000 + 1000}"
            )
