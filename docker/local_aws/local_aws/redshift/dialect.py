"""Redshift's SQL as it is read: sqlglot's parser, told to remember what it would otherwise smooth over."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.redshift import Redshift
from sqlglot.errors import ParseError, TokenError
from sqlglot.parsers.redshift import RedshiftParser
from sqlglot.tokenizer_core import Token, TokenType

from local_aws.redshift.errors import SqlError, syntax_error

__all__ = ["CALLED", "parse", "tokenize"]

CALLED = "called"
"""Key of a node's metadata that holds the name by which a function was called."""

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of commands, which are refused by name here


def _macro(name: str, least: int, most: int | None = None) -> Any:
    """Return a builder that turns a call into one of the macros of functions.sql, after counting its arguments."""

    def build(arguments: list[exp.Expr]) -> exp.Expr:
        if not least <= len(arguments) <= (most or least):
            raise SqlError(f"function {name}() with {len(arguments)} arguments does not exist")
        return exp.Anonymous(this=f"rs_{name}", expressions=arguments)

    return build


def _fnv_hash(arguments: list[exp.Expr]) -> exp.Expr:
    # The seed of FNV-1a, as the signed number that Redshift would be given.
    seeded = arguments if len(arguments) != 1 else [*arguments, exp.Literal.number(-3750763034362895579)]
    return _macro("fnv_hash", 2)(seeded)  # type: ignore[no-any-return]


def _upper_format(name: str) -> Any:
    """Return a builder that reads a datetime format whatever its case, as Redshift does where text is parsed."""

    def build(arguments: list[exp.Expr], dialect: Any) -> exp.Expr:
        for literal in arguments[1:2]:
            if isinstance(literal, exp.Literal):
                literal.set("this", literal.name.upper())
        return RedshiftParser.FUNCTIONS[name](arguments, dialect)  # type: ignore[no-any-return]

    return build


def _sort_key(parser: Any) -> exp.Expr:
    if parser._match_text_seq("AUTO"):
        return exp.SortKeyProperty(this=[exp.to_identifier("auto")], compound=False)
    return parser._parse_sortkey()  # type: ignore[no-any-return]


class _Parser(RedshiftParser):
    CONSTRAINT_PARSERS: ClassVar[dict[str, Any]] = {
        **RedshiftParser.CONSTRAINT_PARSERS,
        "DISTKEY": lambda _: exp.Property(this=exp.var("DISTKEY")),
        "SORTKEY": lambda _: exp.Property(this=exp.var("SORTKEY")),
    }
    FUNCTIONS: ClassVar[dict[str, Any]] = {
        **RedshiftParser.FUNCTIONS,
        "ADD_MONTHS": _macro("add_months", 2),
        "BTRIM": _macro("btrim", 1, 2),
        "CHARINDEX": _macro("charindex", 2),
        "CONCAT": _macro("concat", 2),
        "CONVERT_TIMEZONE": _macro("convert_timezone", 2, 3),
        "FNV_HASH": _fnv_hash,
        "FUNC_SHA1": _macro("sha1", 1),
        "GETDATE": _macro("getdate", 0),
        "OCTET_LENGTH": _macro("octet_length", 1),
        "REGEXP_COUNT": _macro("regexp_count", 2),
        "REGEXP_REPLACE": _macro("regexp_replace", 2, 3),
        "REGEXP_SUBSTR": _macro("regexp_substr", 2),
        "SHA": _macro("sha1", 1),
        "SHA1": _macro("sha1", 1),
        "SHA2": _macro("sha2", 2),
        "TO_DATE": _upper_format("TO_DATE"),
        "TO_TIMESTAMP": _upper_format("TO_TIMESTAMP"),
        "STRTOL": _macro("strtol", 2),
        "TRUNC": _macro("trunc", 1, 2),
    }
    PROPERTY_PARSERS: ClassVar[dict[str, Any]] = {**RedshiftParser.PROPERTY_PARSERS, "SORTKEY": _sort_key}
    NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
        **RedshiftParser.NO_PAREN_FUNCTION_PARSERS,
        "SYSDATE": lambda _: exp.Anonymous(this="rs_sysdate", expressions=[]),
    }

    def _parse_function_call(self, *arguments: Any, **named: Any) -> Any:
        token, is_call = self._curr, bool(self._next and self._next.token_type == TokenType.L_PAREN)
        result = super()._parse_function_call(*arguments, **named)
        node = result
        while isinstance(node, exp.Window | exp.WithinGroup | exp.IgnoreNulls | exp.RespectNulls | exp.Filter):
            node = node.this
        if is_call and token and isinstance(node, exp.Func) and CALLED not in node.meta:
            node.meta[CALLED] = token.text.upper()
        return result

    def _parse_when_matched(self) -> exp.Whens:
        whens = super()._parse_when_matched()
        for when in whens.expressions:
            insert = when.args.get("then")
            first = insert.this.expressions[:1] if isinstance(insert, exp.Insert) and insert.this else []
            # sqlglot takes INSERT VALUES (…), without columns, for a call of a function VALUES.
            if first and isinstance(first[0], exp.Anonymous) and first[0].name.upper() == "VALUES":
                insert.set("expression", exp.Tuple(expressions=first[0].expressions))
                insert.set("this", None)
        return whens


class StrictRedshift(Redshift):
    """sqlglot's Redshift with the functions' own names kept, and every statement split into tokens to its end."""

    Parser = _Parser

    class Tokenizer(Redshift.Tokenizer):
        """Tokens of Redshift's SQL."""

        COMMANDS: ClassVar[set[TokenType]] = set()


_DIALECT = StrictRedshift()


def tokenize(text: str) -> list[Token]:
    """Split a statement into tokens, without a closing semicolon.

    Raises
    ------
    SqlError
        When the text is empty, cannot be split, or holds more than one statement.
    """
    try:
        tokens = _DIALECT.tokenize(text)
    except TokenError as error:
        raise syntax_error(text.strip()[:40] or "end of input", str(error).split("\n", 1)[0]) from None
    while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
        tokens.pop()
    if not tokens:
        raise SqlError("the statement is empty")
    if any(token.token_type == TokenType.SEMICOLON for token in tokens):
        raise SqlError("cannot insert multiple commands into a prepared statement")
    return tokens


def parse(text: str, tokens: list[Token]) -> exp.Expr:
    """Parse the tokens of a statement.

    Raises
    ------
    SqlError
        When the text is no SQL statement of Redshift.
    """
    try:
        trees = _Parser(dialect=_DIALECT).parse(list(tokens), text)
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        near = str(first.get("highlight") or tokens[-1].text)
        raise syntax_error(near, str(first.get("description") or "")) from None
    tree = trees[0]
    if tree is None:
        raise SqlError("the statement is empty")
    return tree
