"""``python -m deploy``: package, deploy, destroy. The Makefile's targets of those names call it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError

from deploy.environments import read_environment
from fraud.errors import FraudError

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Deploys to an AWS account.")

Env = Annotated[str, typer.Option("--env", help="Environment: the prefix of every name (deploy/environments/).")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask; for pipelines.")]


def _confirm(question: str) -> bool:
    return typer.confirm(question, default=False)


@app.command()
def package(out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("dist/mwaa")) -> None:
    """Write what MWAA takes: DAGs, plugins.zip, requirements.txt, startup.sh with this shell's FRAUD_ variables."""
    import os

    from deploy.package import build

    settings = {name: value for name, value in os.environ.items() if name.startswith("FRAUD_")}
    for line in build(out, settings):
        print(line)


@app.command()
def up(
    env: Env,
    image: Annotated[str, typer.Option(help="Tag of the job image in the environment's repository.")],
    until: Annotated[str, typer.Option(help="Last template to deploy; all of them when empty.")] = "",
    yes: Yes = False,
) -> None:
    """Create or change an environment; every change set is shown before it is carried out."""
    from deploy.delivery import deliver

    deliver(boto3.Session(), read_environment(env), image, print, (lambda _: True) if yes else _confirm, until)


@app.command()
def destroy(
    env: Env,
    delete_data: Annotated[bool, typer.Option("--delete-data", help="Also remove data, models and images.")] = False,
    yes: Yes = False,
) -> None:
    """Remove an environment; refuses while it holds data, unless told to delete them."""
    from deploy.removal import remove

    remove(boto3.Session(), read_environment(env).name, print, (lambda _: True) if yes else _confirm, delete_data)


@app.command()
def smoke(env: Env, yes: Yes = False) -> None:
    """Play a tiny world through the deployed services, then remove what that made; says first what it costs."""
    from deploy.smoke import play

    play(boto3.Session(), read_environment(env).name, print, (lambda _: True) if yes else _confirm)


def main() -> None:
    """Run the command line; what went wrong is one line on standard error."""
    try:
        app()
    except FraudError as error:
        print(f"deploy: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except (ClientError, BotoCoreError) as error:
        print(f"deploy: AWS refused: {error}; check credentials, region and the deployer's role", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
