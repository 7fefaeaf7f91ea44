"""Redshift's SQL written as DuckDB's; where the two mean different things by the same words, Redshift's holds."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sqlglot import exp
from sqlglot.errors import ErrorLevel, UnsupportedError

from local_aws.redshift.dialect import CALLED
from local_aws.redshift.errors import SqlError, not_implemented
from local_aws.redshift.vocabulary import TYPES

__all__ = ["CHARACTER_TYPES", "SCALE", "bind", "duckdb_type", "generate", "length_of", "normalise"]

CHARACTER_TYPES = frozenset(kind for kind, name in TYPES.items() if name == "VARCHAR")
SCALE = "scale"
"""Key of an average's metadata that holds the digits after the point, where decimals are averaged."""
_FIXED = frozenset({exp.DType.CHAR, exp.DType.NCHAR, exp.DType.BPCHAR})


def bind(tree: exp.Expr, values: Mapping[str, str]) -> exp.Expr:
    """Put the values of a statement's parameters in their places, as text that takes the type its place asks for.

    Raises
    ------
    SqlError
        When a value has no place; a place without a value is found by the rules.
    """
    unused = set(values)
    for node in list(tree.find_all(exp.Placeholder)):
        if node.name in values:
            unused.discard(node.name)
            node.replace(_operand(values[node.name], node.parent))
    if unused:
        raise SqlError(f"Parameters list contains unused parameters. Unused parameters: {sorted(unused)}")
    return tree


def _operand(text: str, parent: exp.Expr | None) -> exp.Expr:
    # Text in arithmetic is taken for a number by Redshift; DuckDB could not choose between its operators.
    arithmetic = isinstance(parent, exp.Add | exp.Sub | exp.Mul | exp.Div | exp.Mod | exp.Neg)
    if arithmetic and re.fullmatch(r"\d+(\.\d+)?", text):
        return exp.Literal.number(text)
    return exp.Literal.string(text)


def normalise(tree: exp.Expr, database: str) -> exp.Expr:
    """Fold names to lower case, as Redshift does even in quotes, and drop the database's own name before a schema.

    Raises
    ------
    SqlError
        When a name lies in another database.
    """
    for name in tree.find_all(exp.Identifier):
        name.set("this", name.name.lower())
    for table in tree.find_all(exp.Table):
        if table.catalog:
            if table.catalog != database:
                raise SqlError(f'database "{table.catalog}" does not exist')
            table.set("catalog", None)
    return tree


def generate(tree: exp.Expr) -> str:
    """Write a normalised statement as DuckDB's SQL.

    Raises
    ------
    SqlError
        When a construct has no counterpart.
    """
    if isinstance(tree, exp.Query):
        _name_columns(tree)
    tree = tree.transform(_rewrite, copy=True)
    try:
        return tree.sql(dialect="duckdb", identify=True, unsupported_level=ErrorLevel.RAISE, comments=False)
    except UnsupportedError as error:
        raise not_implemented(str(error).split("\n", 1)[0]) from None


def duckdb_type(kind: exp.DataType) -> str:
    """Return DuckDB's name of a Redshift type; DECIMAL without figures is DECIMAL(18,0)."""
    name = TYPES[kind.this]
    if name == "DECIMAL":
        figures = [parameter.this.name for parameter in kind.expressions] or ["18"]
        if int(figures[0]) > 38:
            raise SqlError(f"DECIMAL precision {figures[0]} must be between 1 and 38")
        return f"DECIMAL({', '.join([*figures, '0'][:2])})"
    return name


def length_of(kind: exp.DataType, default: int | None) -> int | None:
    """Return the bytes that a character type holds, or the default where the type does not say.

    Raises
    ------
    SqlError
        When it asks for more than Redshift has.
    """
    most = 4096 if kind.this in _FIXED else 65535
    if not kind.expressions:
        return default
    text = kind.expressions[0].this.name.upper()
    length = most if text == "MAX" else int(text)
    if not 1 <= length <= most:
        raise SqlError(f"length for type {'character' if most == 4096 else 'varchar'} cannot exceed {most}")
    return length


def _rewrite(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Cast):
        return _rewrite_cast(node)
    if isinstance(node, exp.Window):
        return _rewrite_window(node)
    if isinstance(node, exp.Avg) and not isinstance(node.parent, exp.Window):
        return _mean(exp.Sum(this=node.this.copy()), exp.Count(this=node.this.copy()), node.meta.get(SCALE))
    if isinstance(node, exp.Extract) and node.name.upper() == "EPOCH":
        return exp.cast(node, exp.DType.BIGINT) if not isinstance(node.parent, exp.Cast) else node
    return node


def _rewrite_cast(node: exp.Cast) -> exp.Expr:
    kind = node.to
    if kind.this in CHARACTER_TYPES:
        text = node.copy()
        text.set("to", exp.DataType.build("VARCHAR", dialect="duckdb"))
        length = length_of(kind, 1 if kind.this in _FIXED else None)
        return text if length is None else exp.Anonymous(this="left", expressions=[text, exp.Literal.number(length)])
    if kind.this == exp.DType.DECIMAL and len(kind.expressions) < 2:
        node.set("to", exp.DataType.build(duckdb_type(kind), dialect="duckdb"))
    return node


def _rewrite_window(node: exp.Window) -> exp.Expr:
    function = node.this
    called = function.meta.get(CALLED)
    if called == "AVG":
        total, count = exp.Sum(this=function.this.copy()), exp.Count(this=function.this.copy())
        return _mean(_over(node, total), _over(node, count), function.meta.get(SCALE))
    if called == "RATIO_TO_REPORT":
        value = function.expressions[0]
        whole = exp.cast(_over(node, exp.Sum(this=value.copy())), exp.DType.DOUBLE)
        return exp.Div(this=exp.paren(value.copy()), expression=whole)
    return node


def _over(window: exp.Window, function: exp.Expr) -> exp.Window:
    copy = window.copy()
    copy.set("this", function)
    return copy


def _mean(total: exp.Expr, count: exp.Expr, scale: int | None) -> exp.Expr:
    # An average of whole numbers is a whole number in Redshift: with integer division the quotient has the sum's type.
    zero = exp.Literal.number(0)
    mean = exp.Div(this=total, expression=exp.Nullif(this=count, expression=zero))
    return exp.paren(mean) if scale is None else exp.cast(mean, f"DECIMAL(38, {scale})", dialect="duckdb")


def _name_columns(query: exp.Query) -> None:
    """Name the columns of a result as Redshift does: after the function, or ``?column?``."""
    for select in (query, *query.find_all(exp.SetOperation)):
        leaf = select
        while isinstance(leaf, exp.SetOperation):
            leaf = leaf.this
        if not isinstance(leaf, exp.Select):
            continue
        leaf.set("expressions", [_named(projection) for projection in leaf.expressions])


def _named(projection: exp.Expr) -> exp.Expr:
    if isinstance(projection, exp.Alias | exp.Column | exp.Star):
        return projection
    node = projection
    while isinstance(node, exp.Window | exp.Paren | exp.WithinGroup | exp.IgnoreNulls):
        node = node.this
    if isinstance(node, exp.Column):
        return exp.alias_(projection, node.name)
    if isinstance(node, exp.Cast):
        inner = node.this
        name = inner.name if isinstance(inner, exp.Column) else str(node.to.this.value).lower()
    elif isinstance(node, exp.Case):
        name = "case"
    elif isinstance(node, exp.ApproxDistinct):
        name = "count"
    else:
        name = str(node.meta.get(CALLED, "?column?")).lower()
        if isinstance(node, exp.Anonymous) and node.name.startswith("rs_"):
            name = node.name.removeprefix("rs_")
    return exp.alias_(projection, name, quoted=True)
