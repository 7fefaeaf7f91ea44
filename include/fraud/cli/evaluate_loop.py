"""``fraud evaluate-loop``: the closed loop of drift, decision, training and promotion, scored on simulated months."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from fraud.errors import ConfigurationError
from fraud.settings import Settings

__all__ = ["evaluate_loop"]

_QUICK_SEEDS = "9101:9101"


def evaluate_loop(
    out: Annotated[Path, typer.Option(help="Folder for evaluation.json and the plots.", file_okay=False)],
    kinds: Annotated[str, typer.Option(help="Kinds of drift, separated by commas; 'all' for every one.")] = "",
    seeds: Annotated[str, typer.Option(help="First and last seed, both included: 9101:9110.")] = "9101:9110",
    quick: Annotated[bool, typer.Option("--quick", help="One seed, for continuous integration.")] = False,
    processes: Annotated[int, typer.Option(min=1, max=64, help="Seeds at a time, one core each.")] = 2,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a stopped run of the same settings.")] = False,
    document: Annotated[
        Path | None, typer.Option(help="Page whose tables are replaced.", exists=True, dir_okay=False)
    ] = None,
) -> None:
    """Play kinds of drift over simulated months and report delays, false alarms, and what retraining brought back.

    Thresholds, promotion rule and training defaults are the deployment's (FRAUD_DRIFT, FRAUD_PROMOTION, …).
    """
    from fraud.containers.summary import write_text
    from fraud.monitoring.loop.evaluate import evaluate
    from fraud.monitoring.loop.kinds import DEFAULT_KINDS, KINDS
    from fraud.monitoring.loop.table import markdown, replace_block

    chosen = tuple(KINDS) if kinds == "all" else tuple(filter(None, kinds.split(","))) or DEFAULT_KINDS
    wanted = _parse_seeds(_QUICK_SEEDS if quick else seeds)
    settings = Settings.from_environment()
    result = evaluate(chosen, wanted, out, settings, processes=processes, progress=print, resume=resume)
    print(markdown(result))
    if document:
        write_text(document, replace_block(document.read_text(encoding="utf-8"), markdown(result)))


def _parse_seeds(text: str) -> range:
    match = re.fullmatch(r"(\d+):(\d+)", text)
    if not match or int(match[1]) > int(match[2]):
        raise ConfigurationError(f"--seeds is {text!r}, expected FIRST:LAST with the lower one first, as in 9001:9010")
    return range(int(match[1]), int(match[2]) + 1)
