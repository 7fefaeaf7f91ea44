"""The handbook's results beside ours, as one HTML page that opens offline."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from fraud.models.handbook import Measured

__all__ = ["render"]

_METRICS = {
    "auc_roc": "AUC ROC",
    "average_precision": "Average precision",
    "card_precision_100": "Card precision@100",
}
_POINTS = 400
"""Points drawn of a curve; the numbers in the table use every threshold."""

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1d2433; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .6rem; text-align: right; border-bottom: 1px solid #d9dee8; }
th:first-child, td:first-child { text-align: left; }
"""


def render(rows: Sequence[Mapping[str, Any]], measured: Mapping[str, Measured], facts: str) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    rows
        The models of ``report.json``.
    measured
        What each was measured to reach, by the handbook's name.
    facts
        One sentence on the data.
    """
    figures = [
        _figure("ROC curve", "false-positive rate", "recall", _curves(measured, "false_positive_rate", "recall")),
        _figure("Precision–recall curve", "recall", "precision", _curves(measured, "recall", "precision")),
        _figure("Card precision@100 by day of the test week", "day", "share of the 100 cards", _days(measured)),
    ]
    drawn = [
        figure.to_html(full_html=False, include_plotlyjs=number == 0, div_id=f"figure-{number}")
        for number, figure in enumerate(figures)
    ]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8"><title>The handbook&#x27;s results, reproduced</title>',
            f"<style>{_STYLE}</style></head><body>",
            "<h1>The handbook's results, reproduced</h1>",
            f"<p>{html.escape(facts)} Published: Fraud Detection Handbook, chapter 3, baseline system.</p>",
            _table(rows),
            *drawn,
            "</body></html>",
        ]
    )


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    titles = "".join(f'<th colspan="3">{title}</th>' for title in _METRICS.values())
    kinds = "<th>ours</th><th>published</th><th>difference</th>" * len(_METRICS)
    body = "".join(
        f"<tr><td>{html.escape(row['model'])}</td>"
        + "".join(
            f"<td>{row[metric]:.3f}</td><td>{row[f'published_{metric}']:.3f}</td>"
            f"<td>{row[metric] - row[f'published_{metric}']:+.3f}</td>"
            for metric in _METRICS
        )
        + "</tr>"
        for row in rows
    )
    return (
        f"<table><thead><tr><th></th>{titles}</tr><tr><th>Model</th>{kinds}</tr></thead><tbody>{body}</tbody></table>"
    )


def _curves(measured: Mapping[str, Measured], x: str, y: str) -> list[go.Scatter]:
    lines = []
    for name, one in measured.items():
        across, up = getattr(one.curves, x), getattr(one.curves, y)
        # Thinned evenly along the x axis: most thresholds lie where nothing changes any more.
        kept = np.unique(np.searchsorted(across, np.linspace(across[0], across[-1], _POINTS)))
        lines.append(
            go.Scatter(x=across[kept].round(5).tolist(), y=up[kept].round(5).tolist(), name=name, mode="lines")
        )
    return lines


def _days(measured: Mapping[str, Measured]) -> list[go.Scatter]:
    return [
        go.Scatter(
            x=list(range(1, len(one.card_precisions) + 1)),
            y=one.card_precisions.tolist(),
            name=name,
            mode="lines+markers",
        )
        for name, one in measured.items()
    ]


def _figure(title: str, x: str, y: str, lines: Sequence[go.Scatter]) -> go.Figure:
    return go.Figure(lines).update_layout(
        title=title,
        xaxis_title=x,
        yaxis_title=y,
        template="plotly_white",
        height=440,
        legend={"orientation": "h", "y": -0.2},
    )
