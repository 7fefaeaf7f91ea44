"""Where the stack keeps everything, and which world it runs."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from dataclasses import asdict, dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from fraud.errors import ConfigurationError, MissingInputError

__all__ = ["Deployment", "Home", "write_private"]

CHECKOUT = Path(__file__).resolve().parents[4]
USERS = {"admin": "admin", "analyst": "viewer"}
"""Users of the Airflow UI and their roles."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Which world the stack runs, anchored where in time; written once, so that a later start finds the same.

    Parameters
    ----------
    world
        Named world.
    first_day
        First day of the daily schedule.
    demo_days
        Days that the demo plays; ``None`` when no demo was started.
    demo_finished
        Whether it played them all.
    """

    world: str
    first_day: date
    demo_days: int | None = None
    demo_finished: bool = False

    def to_json(self) -> str:
        """Return the text that :meth:`from_json` reads."""
        return json.dumps(asdict(self) | {"first_day": str(self.first_day)}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, where: Path) -> Deployment:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        ConfigurationError
            When somebody has edited the file into something else.
        """
        try:
            content: dict[str, Any] = json.loads(text)
            return cls(**content | {"first_day": date.fromisoformat(content["first_day"])})
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigurationError(
                f"{where} is not what fraud-local wrote ({error}); mend it, or start over with `make clean`"
            ) from None


class Home:
    """The stack's folder: state of the local AWS, Airflow's home, logs, secrets, process records.

    Parameters
    ----------
    state
        The folder; ``FRAUD_LOCAL_HOME``, or ``.local`` of the checkout, when ``None``.
    """

    def __init__(self, state: Path | None = None) -> None:
        self.checkout = CHECKOUT
        self.state = (state or Path(os.environ.get("FRAUD_LOCAL_HOME") or CHECKOUT / ".local")).resolve()
        self.aws = self.state / "aws"
        self.airflow = self.state / "airflow"
        self.logs = self.state / "logs"
        self.processes = self.state / "processes.json"
        self.passwords = self.state / "passwords.json"

    def prepare(self) -> None:
        """Make the folders; nobody else may look into them.

        Raises
        ------
        MissingInputError
            When the DAGs are not where a checkout has them.
        """
        if not (self.checkout / "dags").is_dir():
            raise MissingInputError(
                f"{self.checkout / 'dags'} does not exist; install the project editable from a checkout (`make setup`)"
            )
        self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (self.aws, self.airflow, self.logs):
            folder.mkdir(exist_ok=True)

    @property
    def deployment(self) -> Deployment | None:
        """What the stack runs, or ``None`` before its first start."""
        try:
            text = self._deployment.read_text()
        except FileNotFoundError:
            return None
        return Deployment.from_json(text, self._deployment)

    def record(self, deployment: Deployment) -> None:
        """Write down what the stack runs."""
        self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(self._deployment, deployment.to_json())

    @cached_property
    def _deployment(self) -> Path:
        return self.state / "deployment.json"

    def secrets(self) -> dict[str, str]:
        """Return Airflow's keys, drawn at the first call."""
        return self._once(
            self.state / "secrets.json",
            lambda: {"jwt_secret": secrets.token_urlsafe(64), "secret_key": secrets.token_urlsafe(32)},
        )

    def user_passwords(self) -> dict[str, str]:
        """Return the password of each user of the Airflow UI, drawn at the first call."""
        return self._once(self.passwords, lambda: {user: secrets.token_urlsafe(12) for user in USERS})

    def _once(self, path: Path, make: Any) -> dict[str, str]:
        if not path.exists():
            write_private(path, json.dumps(make()) + "\n")
        content: dict[str, str] = json.loads(path.read_text())
        return content

    def wipe(self) -> None:
        """Remove everything that a run leaves: objects, tables, models, runs, logs. Passwords and keys stay."""
        for path in (self.aws, self.airflow, self.logs):
            shutil.rmtree(path, ignore_errors=True)
        self._deployment.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner alone."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    temporary.replace(path)
