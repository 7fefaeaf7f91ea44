"""``fraud handbook``: the Fraud Detection Handbook's data, features and results, reproduced."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fraud.models.handbook import Labelled

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


@app.command()
def report(
    out: Annotated[Path, typer.Option(help="Folder for report.html and report.json.", file_okay=False)],
) -> None:
    """Train the handbook's five models on its data, and put the results beside the published ones."""
    import json

    from fraud.containers.summary import write_text
    from fraud.models import handbook
    from fraud.models.handbook_report import render

    data = _labelled()
    fold = handbook.book_fold(data)
    train, test = fold.train(data.day), fold.test(data.day, data.customer, data.is_fraud)
    measured = {book.name: handbook.measure(data, book.candidate, train, test) for book in handbook.BOOK}
    rows = handbook.table_rows(list(measured.values()))
    counts = {
        "train_rows": int(train.sum()),
        "train_frauds": int(data.is_fraud[train].sum()),
        "test_rows": int(test.sum()),
        "test_frauds": int(data.is_fraud[test].sum()),
    }
    facts = (
        f"Trained on {counts['train_rows']:,} transactions ({counts['train_frauds']} frauds) of a week from "
        f"{handbook.TRAIN_START}, tested on {counts['test_rows']:,} ({counts['test_frauds']} frauds) of the week that "
        "starts two weeks later."
    )
    write_text(out / "report.json", json.dumps({"models": rows, **counts}, indent=1) + "\n")
    write_text(out / "report.html", render(rows, measured, facts))
    print(f"{'':32}{'AUC ROC':>16}{'AP':>16}{'CP@100':>16}")
    for row in rows:
        cells = (f"{row[m]:.3f} ({row[f'published_{m}']:.3f})" for m in handbook.METRICS)
        print(f"{row['model']:32}" + "".join(f"{cell:>16}" for cell in cells))
    print(f"ours (published); {out / 'report.html'}")


@app.command()
def validate(
    out: Annotated[Path, typer.Option(help="Folder for validation.json.", file_okay=False)],
    weeks: Annotated[int, typer.Option(help="Test weeks, counted back from the last.", min=1, max=16)] = 8,
    models: Annotated[
        list[str] | None, typer.Option("--model", help="Candidate to validate, trained on 28 days; repeatable.")
    ] = None,
) -> None:
    """Validate candidates prequentially beside the handbook's XGBoost: mean and spread over the weeks."""
    import json

    from fraud.containers.summary import write_text
    from fraud.models import handbook
    from fraud.settings import TrainingDefaults

    ours = models or list(TrainingDefaults().candidates)
    data = _labelled()
    found = handbook.validate(data, dict.fromkeys(ours, handbook.OUR_TRAIN_DAYS) | {"xgboost_book": 7}, weeks)
    summary = handbook.summarise(data, found)
    write_text(out / "validation.json", json.dumps(summary, indent=1) + "\n")
    print(f"{weeks} test weeks{'':20}{'AUC ROC':>18}{'AP':>18}{'CP@100':>18}")
    for row in summary["models"]:
        cells = (f"{row[m]['mean']:.3f} +/- {row[m]['sd']:.3f}" for m in handbook.METRICS)
        print(f"{row['candidate']:32}" + "".join(f"{cell:>18}" for cell in cells))


def _labelled() -> Labelled:
    from fraud.features.handbook import add_features
    from fraud.models.handbook import labelled
    from fraud.simulator.handbook import replay
    from fraud.simulator.worlds import load_world

    world = load_world("handbook")
    return labelled(add_features(replay(world).table()), world.start)


@app.command()
def features(
    source: Annotated[Path, typer.Option("--input", help="What `fraud handbook generate` wrote.")],
    target: Annotated[Path, typer.Option("--out", help="Folder for the same files with the features added.")],
    version: Annotated[str, typer.Option("--version", help="Feature set: v1 (the handbook's) or v2.")] = "v1",
) -> None:
    """Add the handbook's features to its data."""
    from fraud.features.handbook import count_ties, transform_folder

    table = transform_folder(source, target, version)
    ties = count_ties(table)
    print(f"{target}: {table.num_rows:,} transactions, {table.num_columns} columns")
    print(
        f"{ties['card']:,} share card and second with another, and only there may the handbook's own values differ; "
        f"{ties['terminal']:,} share terminal and second, where they do not"
    )
