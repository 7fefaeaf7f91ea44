"""``fraud handbook``: the Fraud Detection Handbook's data, features and results, reproduced."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="The handbook's data, features and results, reproduced.")


@app.callback()
def _callback() -> None: ...


@app.command()
def generate(
    out: Annotated[Path, typer.Option(help="Folder for the Parquet files.", file_okay=False)],
    customers: Annotated[int, typer.Option(help="Number of customers.")] = 5000,
    terminals: Annotated[int, typer.Option(help="Number of terminals.")] = 10000,
    days: Annotated[int, typer.Option(help="Days from 2018-04-01.")] = 183,
    radius: Annotated[float, typer.Option(help="Customers use terminals nearer than this.")] = 5.0,
) -> None:
    """Write the published data set, or what the handbook's functions generate for other sizes."""
    from fraud.simulator.handbook import digest
    from fraud.simulator.handbook_files import write_replay
    from fraud.simulator.worlds import load_world

    sizes = {"customers": customers, "terminals": terminals, "days": days, "radius": radius}
    data = write_replay(load_world("handbook").changed(**sizes), out)
    print(f"{len(data):,} transactions, {(data.scenario > 0).sum():,} frauds in {out}; digest {digest(data)}")
