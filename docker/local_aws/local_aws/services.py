"""moto's small services, kept whole: each is pickled to the database after every request that may have changed it.

Also here: which services the local AWS has at all. One that is not listed is refused, for what it held would be lost.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import threading
from typing import Any

from moto.backends import get_backend
from moto.core.base_backend import BaseBackend
from moto.core.common_models import BaseModel

from local_aws.database import Database

__all__ = ["KEPT", "Keeper", "forget_instances"]

KEPT = {
    "cloudwatch": ("cloudwatch",),
    "iam": ("iam",),
    "kms": ("kms",),
    "logs": ("logs",),
    "secretsmanager": ("secretsmanager",),
    "sns": ("sns", "sqs"),
    "sqs": ("sqs",),
    "ssm": ("ssm",),
    "sts": ("sts",),
}
"""Moto's name of each service that is kept, and the services that a request to it may change."""


ATTEMPTS = 20

# Queues hold one, which is no state.
copyreg.pickle(threading.Condition, lambda _: (threading.Condition, ()))


class Keeper:
    """Saves and restores the services of :data:`KEPT`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._locks = {service: threading.RLock() for service in KEPT}

    def lock(self, service: str) -> threading.RLock:
        """Return the lock under which the service is saved."""
        return self._locks[service]

    def save(self, service: str) -> None:
        """Write what a request to the service may have changed; durable when this returns."""
        for name in KEPT[service]:
            with self._locks[name]:
                content = _pickle(name)
                self._database.execute("INSERT OR REPLACE INTO services VALUES (?, ?)", (name, content))

    def load(self) -> None:
        """Bring back every service that was saved."""
        for name, content in self._database.query("SELECT service, state FROM services"):
            backends = get_backend(name)
            for (account, region), state in _Unpickler(io.BytesIO(content)).load().items():
                backends[account][region].__dict__.update(state)


class _Pickler(pickle.Pickler):
    """Keeps what refers to a backend (a topic to its SNS) as a reference: a copy would come back empty."""

    def persistent_id(self, obj: Any) -> tuple[str, str, str] | None:
        if isinstance(obj, BaseBackend):
            return type(obj).__module__.split(".")[1], obj.account_id, obj.region_name
        return None


class _Unpickler(pickle.Unpickler):
    """Reads what this program wrote; a reference to a backend becomes the backend that is there."""

    def persistent_load(self, pid: tuple[str, str, str]) -> BaseBackend:
        service, account, region = pid
        found: BaseBackend = get_backend(service)[account][region]  # type: ignore[call-overload]
        return found


def _pickle(service: str) -> bytes:
    for attempt in range(ATTEMPTS):
        try:
            state = {
                (account, region): backend.__dict__ for account, region, backend in get_backend(service).iter_backends()
            }
            text = io.BytesIO()
            _Pickler(text, protocol=pickle.HIGHEST_PROTOCOL).dump(state)
            return text.getvalue()
        except RuntimeError:
            # Another request changed a dictionary meanwhile; it will save again itself, this one must still be saved.
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError  # the loop returns or raises


def forget_instances() -> None:
    """Stop moto from keeping every model object that it ever made, which it does for a dashboard."""
    BaseModel.__new__ = lambda cls, *_, **__: object.__new__(cls)  # type: ignore[method-assign]
