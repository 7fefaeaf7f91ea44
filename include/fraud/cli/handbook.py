"""``fraud handbook``: the Fraud Detection Handbook's data, features and results, reproduced."""

import typer

app = typer.Typer(no_args_is_help=True, help="The handbook's data, features and results, reproduced.")


@app.callback()
def _callback() -> None: ...
