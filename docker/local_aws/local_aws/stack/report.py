"""What the commands print."""

from __future__ import annotations

import os
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from fraud.errors import ConfigurationError, MissingInputError
from local_aws.stack.control import Stack, last_lines
from local_aws.stack.doctor import Finding

__all__ = ["console", "print_address", "print_findings", "print_logs", "print_status"]

STYLES = {"healthy": "green", "down": "red"}
VERDICTS = {"good": "green", "doubtful": "yellow", "bad": "red"}
LOG_LINES = 5


def console() -> Console:
    """Return the console; lines are as long as they are where nobody looks at a terminal."""
    plain = Console()
    return plain if plain.is_terminal else Console(width=160, soft_wrap=True)


def print_address(stack: Stack) -> None:
    """Print where the UI is and who may log in."""
    passwords = stack.home.user_passwords()
    out = console()
    out.print(f"\nAirflow  [bold]{stack.url}[/]", highlight=False)
    out.print(f"  admin    {passwords['admin']}   (may do everything)", highlight=False, markup=False)
    out.print(f"  analyst  {passwords['analyst']}   (may look)", highlight=False, markup=False)
    out.print(f"  passwords are kept in {stack.home.passwords}; `make down` stops everything", highlight=False)


def print_status(stack: Stack) -> int:
    """Print a line a component; return 0 when all are healthy, 1 otherwise."""
    components = stack.status()
    table = Table(box=None)
    for heading in ("component", "state", "process", "memory", "log"):
        table.add_column(heading, justify="right" if heading in ("process", "memory") else "left")
    for component in components:
        table.add_row(
            component.name,
            f"[{STYLES.get(component.state, 'yellow')}]{component.state}[/]",
            str(component.pid or ""),
            f"{component.memory_bytes / 2**20:.0f} MB" if component.pid else "",
            str(component.log),
        )
    out = console()
    out.print(table)
    deployment = stack.home.deployment
    if deployment is not None:
        out.print(f"world {deployment.world}, daily schedule from {deployment.first_day}", highlight=False)
    if stack.ports is not None:
        out.print(f"Airflow {stack.url}, local AWS {stack.aws_url}", highlight=False)
    return 0 if all(component.state == "healthy" for component in components) else 1


def print_findings(findings: Iterable[Finding]) -> int:
    """Print what the doctor found; return 0 when nothing is bad, 1 otherwise."""
    out = console()
    worst = 0
    for finding in findings:
        worst |= finding.verdict == "bad"
        out.print(f"[{VERDICTS[finding.verdict]}]{finding.verdict:<8}[/]  [bold]{finding.subject}[/]", end="  ")
        out.print(finding.found.replace("\n", "\n          "), highlight=False, markup=False)
        if finding.advice:
            out.print(f"          → {finding.advice}", highlight=False, markup=False)
    return worst


def print_logs(stack: Stack, component: str | None) -> None:
    """Print the end of every component's log, or follow the log of one.

    Raises
    ------
    ConfigurationError
        When there is no such component.
    """
    logs = {status.name: status.log for status in stack.status()}
    if component is None:
        for name, path in logs.items():
            console().rule(f"{name}  {path}", align="left")
            console().print(last_lines(path, LOG_LINES), highlight=False, markup=False)
        return
    if component not in logs:
        raise ConfigurationError(f"there is no component {component!r}; expected one of {', '.join(logs)}")
    path = logs[component]
    if not path.exists():
        raise MissingInputError(f"{path} does not exist yet; `make up` starts what writes it")
    os.execvp("tail", ["tail", "-n", "50", "-F", str(path)])  # noqa: S606
