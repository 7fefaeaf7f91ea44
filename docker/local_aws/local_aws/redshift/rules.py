"""What Redshift refuses and DuckDB, or sqlglot, would let pass. Hints name the page of Redshift's documentation."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from local_aws.redshift.dialect import CALLED
from local_aws.redshift.errors import SqlError, not_implemented, syntax_error
from local_aws.redshift.vocabulary import (
    AGGREGATES,
    FUNCTIONS,
    LEADER_ONLY,
    NODES,
    RANKING,
    RESERVED,
    TYPES,
    UNIMPLEMENTED,
)

__all__ = ["check", "check_tokens"]

_STATEMENTS = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE", "CREATE", "DROP", "ALTER", "TRUNCATE", "(")
_OPERATORS = frozenset({"==", "//", "**", "->", "->>", "=>", ":=", "<=>", "?"})
_DUCKDB_NAMES = re.compile(r"^(duckdb_|sqlite_|pragma_)|[./:*]")
"""Names by which DuckDB would find its own catalogue, or a file."""
_FRAMED = (AGGREGATES - {"LISTAGG", "MEDIAN", "PERCENTILE_CONT", "PERCENTILE_DISC"}) | {
    "FIRST_VALUE",
    "LAST_VALUE",
    "NTH_VALUE",
}


def check(tree: exp.Expr) -> None:
    """Refuse a statement that Redshift would not run.

    Raises
    ------
    SqlError
        Saying what was found, with the page that rules it out.
    """
    if isinstance(tree, exp.Command):
        raise not_implemented(f"{tree.name.upper()} {str(tree.expression).split()[0].upper()}")
    for node in tree.walk():
        _check_node(node)
    _check_leader_only(tree)


def check_tokens(tokens: Sequence[Token]) -> None:
    """Refuse what the parser would forgive: other statements, DuckDB's word order, stray commas, foreign operators.

    Raises
    ------
    SqlError
        At the first such token.
    """
    first = tokens[0].text.upper()
    if first not in _STATEMENTS:
        raise syntax_error(tokens[0].text)
    for index, token in enumerate(tokens):
        before = tokens[index - 1] if index else None
        after = tokens[index + 1] if index + 1 < len(tokens) else None
        text = token.text.upper()
        if token.token_type in (TokenType.STRING, TokenType.IDENTIFIER):
            continue
        if text in _OPERATORS:
            raise syntax_error(token.text)
        if text == "FROM" and before and before.token_type == TokenType.L_PAREN:
            raise syntax_error(token.text, "a query begins with SELECT or WITH (r_SELECT_synopsis)")
        if token.token_type == TokenType.COMMA and (
            after is None or after.text.upper() in (")", "FROM", "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT")
        ):
            raise syntax_error(after.text if after else "end of input")


def _check_node(node: exp.Expr) -> None:
    called = node.meta.get(CALLED)
    if called is not None:
        _check_call(node, called)
    elif isinstance(node, exp.Anonymous):
        if not node.name.startswith("rs_"):
            raise SqlError(f"function {node.name.lower()}() does not exist")
    elif type(node) not in NODES:
        raise syntax_error(_name(node), f"{_name(node)} is not part of Redshift's SQL")
    for kind, rule in _RULES:
        if isinstance(node, kind):
            rule(node)


def _check_call(node: exp.Expr, called: str) -> None:
    if called in UNIMPLEMENTED:
        raise not_implemented(f"function {called}")
    if called not in FUNCTIONS and called not in LEADER_ONLY:
        raise SqlError(
            f"function {called.lower()}() does not exist",
            hint="No function matches the given name and argument types. You may need to add explicit type casts.",
        )
    if called in RANKING and not isinstance(node.parent, exp.Window | exp.IgnoreNulls | exp.RespectNulls):
        raise SqlError(f"window function {called.lower()}() requires an OVER clause", hint="see c_Window_functions")


def _check_window(node: exp.Window) -> None:
    if node.args.get("alias") is not None or isinstance(node.this, exp.Identifier):
        raise syntax_error("WINDOW", "windows have no names: write the specification in OVER (c_Window_functions)")
    spec = node.args.get("spec")
    if spec is not None and spec.args.get("kind") != "ROWS":
        raise syntax_error(str(spec.args.get("kind")), "a window frame is given in ROWS only (c_Window_functions)")
    if spec is not None and spec.args.get("exclude"):
        raise syntax_error("EXCLUDE", "a window frame excludes nothing (c_Window_functions)")
    inner = node.this
    while isinstance(inner, exp.IgnoreNulls | exp.RespectNulls | exp.WithinGroup):
        inner = inner.this
    if inner.meta.get(CALLED) in _FRAMED and node.args.get("order") is not None and spec is None:
        raise SqlError(
            "Aggregate window functions with an ORDER BY clause require a frame clause",
            hint="add ROWS … to OVER (c_Window_functions)",
        )


def _check_select(node: exp.Select) -> None:
    if node.args.get("windows"):
        raise syntax_error("WINDOW", "windows have no names: write the specification in OVER (c_Window_functions)")
    distinct = node.args.get("distinct")
    if distinct is not None and distinct.args.get("on") is not None:
        raise syntax_error("ON", "use QUALIFY ROW_NUMBER() OVER (…) = 1 (r_QUALIFY_clause)")
    source = node.args.get("from_")
    if node.args.get("qualify") and source is not None and not any(node.args.get(key) for key in ("where", "group")):
        last = node.args["joins"][-1] if node.args.get("joins") else source
        if not last.this.alias:
            raise syntax_error(
                "QUALIFY", "directly after FROM the relation needs an alias before QUALIFY (r_QUALIFY_clause)"
            )


def _check_join(node: exp.Join) -> None:
    for word in (node.args.get("method"), node.args.get("kind")):
        if word and str(word).upper() not in ("NATURAL", "INNER", "OUTER", "CROSS"):
            raise syntax_error(str(word), "joins are INNER, LEFT, RIGHT, FULL, CROSS or NATURAL (r_FROM_clause30)")


def _check_star(node: exp.Star) -> None:
    if any(node.args.get(key) for key in ("replace", "rename", "ilike")):
        raise syntax_error("*", "of a star only EXCLUDE can be said, at the end of the select list (r_EXCLUDE_list)")


def _check_values(node: exp.Values) -> None:
    if not isinstance(node.parent, exp.Insert):
        raise syntax_error("VALUES", "VALUES stands in INSERT only (c_unsupported-postgresql-features)")


def _check_set_operation(node: exp.SetOperation) -> None:
    if node.args.get("by_name"):
        raise syntax_error("NAME", "columns are matched by position (r_UNION)")
    if isinstance(node, exp.Intersect | exp.Except) and not node.args.get("distinct"):
        raise SqlError(f"{_name(node)} ALL is not supported", hint="see r_UNION")


def _check_limit(node: exp.Limit) -> None:
    options = node.args.get("limit_options")
    if options is not None and any(options.args.values()):
        raise syntax_error("PERCENT", "LIMIT is a number of rows (r_ORDER_BY_clause)")


def _check_insert(node: exp.Insert) -> None:
    for key, word in (
        ("returning", "RETURNING"),
        ("conflict", "ON"),
        ("alternative", "OR"),
        ("overwrite", "OVERWRITE"),
    ):
        if node.args.get(key):
            raise syntax_error(word, "see r_INSERT_30")
    if node.args.get("by_name"):
        raise syntax_error("BY", "see r_INSERT_30")


def _check_merge(node: exp.Merge) -> None:
    target, source = node.this, node.args["using"]
    if target.alias:
        raise syntax_error(target.alias, "the target of MERGE has no alias (r_MERGE)")
    if not isinstance(source, exp.Table):
        raise SqlError("the source of MERGE must be a table, not a subquery or a view", hint="see r_MERGE")
    if node.args.get("with_"):
        raise syntax_error("WITH", "MERGE takes no WITH clause (r_MERGE)")
    if (target.db, target.name) == (source.db, source.name):
        raise SqlError("the source and the target of MERGE must not be the same table", hint="see r_MERGE")
    whens = node.args["whens"].expressions
    for insert in node.find_all(exp.Insert):
        if isinstance(insert.this, exp.Star | exp.Var):
            raise syntax_error(insert.this.sql(), "MERGE inserts VALUES (r_MERGE)")
    if [bool(when.args.get("matched")) for when in whens] != [True, False] or any(
        when.args.get("condition") or when.args.get("source") for when in whens
    ):
        raise syntax_error(
            "WHEN", "MERGE has WHEN MATCHED THEN … WHEN NOT MATCHED THEN INSERT, in this order (r_MERGE)"
        )


def _check_type(node: exp.DataType) -> None:
    if node.this in (exp.DType.SUPER, exp.DType.VARBINARY, exp.DType.GEOMETRY, exp.DType.HLLSKETCH):
        raise not_implemented(f"type {node.this.value}")
    if node.this not in TYPES and not isinstance(node.parent, exp.Interval):
        raise SqlError(
            f'type "{node.sql("redshift").lower()}" does not exist', hint="see c_unsupported-postgresql-datatypes"
        )


def _check_identifier(node: exp.Identifier) -> None:
    name = node.name
    if len(name.encode()) > 127:
        raise SqlError(f'identifier "{name[:40]}…" is too long: a name has at most 127 bytes', hint="see r_names")
    if not node.args.get("quoted") and name.upper() in RESERVED:
        raise syntax_error(name, "a reserved word is a name only in double quotes (r_pg_keywords)")


def _check_count(node: exp.Count) -> None:
    if (isinstance(node.this, exp.Distinct) and len(node.this.expressions) > 1) or node.expressions:
        raise SqlError("function count() with several arguments does not exist", hint="see r_COUNT")


def _check_table(node: exp.Table) -> None:
    if not isinstance(node.this, exp.Identifier) and node.this is not None:
        raise SqlError("table functions are not supported", hint="see c_unsupported-postgresql-features")
    if _DUCKDB_NAMES.search(node.name):
        raise SqlError(f'relation "{node.name}" does not exist')
    if node.args.get("sample") or node.args.get("when"):
        raise syntax_error(node.name, "a table is read whole (r_FROM_clause30)")


def _check_create(node: exp.Create) -> None:
    kind = node.args["kind"]
    if kind not in ("TABLE", "VIEW", "SCHEMA"):
        raise SqlError(f"CREATE {kind} is not supported", hint="see c_unsupported-postgresql-features")
    if kind == "TABLE" and node.args.get("replace"):
        raise syntax_error("TABLE", "CREATE OR REPLACE is for views and functions (r_CREATE_TABLE_NEW)")
    if kind == "VIEW" and node.args.get("exists"):
        raise syntax_error("IF", "a view is created with CREATE OR REPLACE VIEW (r_CREATE_VIEW)")


def _check_sample(node: exp.Select) -> None:
    if node.args.get("sample"):
        raise syntax_error("SAMPLE", "a table is read whole (r_FROM_clause30)")


def _check_placeholder(node: exp.Placeholder) -> None:
    raise SqlError(f"there is no parameter :{node.name}", hint="give each :name of the statement in Parameters")


def _check_leader_only(tree: exp.Expr) -> None:
    names = {node.meta.get(CALLED) for node in tree.walk()}
    if tree.find(exp.CurrentTimestamp):
        names.add("CURRENT_TIMESTAMP")
    leader = sorted(name for name in names if name in LEADER_ONLY)
    if leader and any(table.name for table in tree.find_all(exp.Table)):
        raise SqlError(
            f"Specified types or functions ({leader[0].lower()}) not supported on Redshift tables.",
            hint="use GETDATE() or SYSDATE (c_SQL_functions_leader_node_only)",
        )


def _name(node: exp.Expr) -> str:
    return type(node).__name__.upper()


_RULES: tuple[tuple[type[exp.Expr], Callable[[Any], None]], ...] = (
    (exp.Window, _check_window),
    (exp.Select, _check_select),
    (exp.Select, _check_sample),
    (exp.Join, _check_join),
    (exp.Star, _check_star),
    (exp.Values, _check_values),
    (exp.SetOperation, _check_set_operation),
    (exp.Limit, _check_limit),
    (exp.Insert, _check_insert),
    (exp.Merge, _check_merge),
    (exp.DataType, _check_type),
    (exp.Identifier, _check_identifier),
    (exp.Count, _check_count),
    (exp.Table, _check_table),
    (exp.Create, _check_create),
    (exp.Placeholder, _check_placeholder),
)
