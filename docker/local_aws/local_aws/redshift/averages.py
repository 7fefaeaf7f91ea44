"""The type of an average, which Redshift takes from what is averaged: DECIMAL(12,2) gives DECIMAL(38,2).

DuckDB averages in double precision and sqlglot knows no types, so DuckDB is asked what types the arguments have.
"""

from __future__ import annotations

import re

import duckdb
from sqlglot import exp

from local_aws.redshift.translate import SCALE, generate

__all__ = ["note_scales"]


def note_scales(connection: duckdb.DuckDBPyConnection, tree: exp.Expr) -> None:
    """Note on every average of decimals in a statement how many digits after the point it has.

    An average whose argument cannot be typed by itself, as in a correlated subquery, stays in double precision.
    """
    selects: dict[int, tuple[exp.Select, list[exp.Avg]]] = {}
    for average in tree.find_all(exp.Avg):
        select = average.find_ancestor(exp.Select)
        if select is not None:
            selects.setdefault(id(select), (select, []))[1].append(average)
    # The innermost first: their types are part of the outer ones' arguments.
    for select, averages in sorted(selects.values(), key=lambda entry: -entry[0].depth):
        for average, kind in zip(averages, _types(connection, select, averages), strict=False):
            if decimal := re.fullmatch(r"DECIMAL\(\d+,(\d+)\)", kind):
                average.meta[SCALE] = int(decimal[1])


def _types(connection: duckdb.DuckDBPyConnection, select: exp.Select, averages: list[exp.Avg]) -> list[str]:
    arguments = []
    for position, average in enumerate(averages):
        value = average.this.expressions[0] if isinstance(average.this, exp.Distinct) else average.this
        arguments.append(exp.alias_(value.copy(), f"argument{position}"))
    probe = exp.Select(expressions=arguments)
    for part in ("from_", "joins"):
        if select.args.get(part):
            kept = select.args[part]
            probe.set(part, [one.copy() for one in kept] if isinstance(kept, list) else kept.copy())
    for enclosing in (select, *_ancestors(select)):
        if enclosing.args.get("with_"):
            outer = enclosing.args["with_"].copy()
            if probe.args.get("with_"):
                outer.set("expressions", [*outer.expressions, *probe.args["with_"].expressions])
            probe.set("with_", outer)
    try:
        return [str(row[1]) for row in connection.execute(f"DESCRIBE {generate(probe)}").fetchall()]
    except duckdb.Error:
        return []


def _ancestors(node: exp.Expr) -> list[exp.Expr]:
    found = []
    while node.parent is not None:
        node = node.parent
        found.append(node)
    return found
