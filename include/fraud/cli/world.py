"""``fraud world``: look at the named worlds that the simulator plays."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="The named worlds that the simulator plays.")

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a world, or a YAML file.")]


@app.command("list")
def list_worlds() -> None:
    """List the named worlds."""
    from fraud.simulator.worlds import load_world, named_worlds

    for name in named_worlds():
        print(f"{name:24} {load_world(name).description}")


@app.command()
def show(
    name: _Name,
    out: Annotated[Path | None, typer.Option(help="Picture to write (PNG, SVG or PDF); NAME.png unless given.")] = None,
    days: Annotated[int | None, typer.Option(help="Days to draw; the world's own number unless given.")] = None,
) -> None:
    """Draw transactions, frauds by scenario and amounts a day, and the episodes, on one time axis."""
    from fraud.simulator.show import draw_world
    from fraud.simulator.worlds import load_world

    world = load_world(name)
    out = out or Path(f"{world.name}.png")
    draw_world(world, out, days)
    print(out)


@app.command()
def anchor(
    name: _Name,
    first_day: Annotated[str, typer.Option(help="Date on which the daily schedule begins, YYYY-MM-DD.")],
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("world.json"),
) -> None:
    """Write a world moved in time, as the simulator's job reads it."""
    from fraud.containers.summary import write_text
    from fraud.errors import ConfigurationError
    from fraud.simulator.worlds import anchor as anchored
    from fraud.simulator.worlds import load_world

    try:
        day = date.fromisoformat(first_day)
    except ValueError as error:
        raise ConfigurationError(f"--first-day: {error}; write it as YYYY-MM-DD") from None
    world = anchored(load_world(name), day)
    write_text(out, world.to_json())
    print(f"{out}: {world.name} from {world.start}, daily from {day}, content hash {world.content_hash}")
