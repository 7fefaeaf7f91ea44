"""The ``fraud`` command: worlds, the handbook's results, evaluation, cost.

Each command imports what it needs when it runs, so that ``fraud --help`` answers at once.
"""

import sys

import typer

from fraud.cli import cost, evaluate_loop, handbook, world
from fraud.errors import FraudError

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__.splitlines()[0])
app.add_typer(handbook.app, name="handbook")
app.add_typer(world.app, name="world")
app.command("cost")(cost.cost)
app.command("evaluate-loop")(evaluate_loop.evaluate_loop)


def main() -> None:
    """Run the command line; a :class:`FraudError` is one line on standard error and its own exit code."""
    try:
        app()
    except FraudError as error:
        print(f"fraud: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
