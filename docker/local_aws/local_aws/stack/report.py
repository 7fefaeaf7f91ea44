"""What the commands print."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from local_aws.stack.control import Stack

__all__ = ["console", "print_address", "print_status"]

STYLES = {"healthy": "green", "down": "red"}


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
