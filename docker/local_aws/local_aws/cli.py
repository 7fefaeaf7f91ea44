"""The ``fraud-local`` command: the whole system on this machine.

Each command imports what it needs when it runs, so that ``fraud-local --help`` answers at once.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from fraud.errors import FraudError

if TYPE_CHECKING:
    from local_aws.stack.control import Stack

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Runs the whole system on this machine.")

Port = Annotated[int | None, typer.Option("--port", help="Port of the Airflow UI; PORT, or 8080.")]
AwsPort = Annotated[int | None, typer.Option("--aws-port", help="Port of the local AWS; AWS_PORT, or 4566.")]


def _stack() -> Stack:
    from local_aws.stack.control import Stack
    from local_aws.stack.home import Home

    return Stack(Home(), lambda sentence: print(f"  {sentence} …", flush=True))


@app.command()
def up(port: Port = None, aws_port: AwsPort = None) -> None:
    """Start the local AWS and Airflow, or what of them is not running."""
    from local_aws.stack import report
    from local_aws.stack.ports import Ports

    stack = _stack()
    stack.up(stack.ports or Ports.chosen(port, aws_port))
    report.print_address(stack)


@app.command()
def demo(
    days: Annotated[
        int, typer.Option(min=1, max=60, help="Days of the daily schedule, the last of them yesterday.")
    ] = 5,
    world: Annotated[str, typer.Option(help="Named world; `fraud world list` names them.")] = "demo",
    port: Port = None,
    aws_port: AwsPort = None,
) -> None:
    """Play some days of a world and show what happened; an interrupted demo goes on, a finished one starts over."""
    from local_aws.stack import demo, report
    from local_aws.stack.ports import Ports

    stack = _stack()
    demo.play(stack, Ports.chosen(port, aws_port), world, days, report.console())


@app.command()
def down(
    wipe: Annotated[
        bool, typer.Option("--wipe", help="Also remove all objects, tables, models, runs and logs.")
    ] = False,
) -> None:
    """Stop everything; a later `up` finds everything as it was."""
    stack = _stack()
    if wipe:
        stack.wipe()
        print("Stopped, and everything it had made is removed.")
    else:
        print("Stopped." if stack.down() else "Nothing was running.")


@app.command()
def status() -> None:
    """Say what runs, where, and how it is."""
    from local_aws.stack import report

    sys.exit(report.print_status(_stack()))


@app.command()
def logs(component: Annotated[str | None, typer.Argument(help="Component whose log to follow.")] = None) -> None:
    """Show the end of every log, or follow one."""
    from local_aws.stack import report

    report.print_logs(_stack(), component)


@app.command()
def doctor(port: Port = None, aws_port: AwsPort = None) -> None:
    """Say what is wrong and what to do; exit code 1 when something is."""
    from local_aws.stack import report
    from local_aws.stack.doctor import examine
    from local_aws.stack.ports import Ports

    sys.exit(report.print_findings(examine(_stack(), Ports.chosen(port, aws_port))))


def main() -> None:
    """Run the command line; a :class:`FraudError` is one line on standard error and its own exit code."""
    try:
        app()
    except FraudError as error:
        print(f"fraud-local: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("\nfraud-local: interrupted; the same command goes on, `make down` stops what runs", file=sys.stderr)
        sys.exit(130)
