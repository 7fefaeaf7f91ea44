"""``fraud world``: look at the named worlds that the simulator plays."""

import typer

app = typer.Typer(no_args_is_help=True, help="The named worlds that the simulator plays.")


@app.callback()
def _callback() -> None: ...
