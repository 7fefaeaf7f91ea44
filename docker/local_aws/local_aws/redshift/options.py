"""The part of COPY and UNLOAD that follows their first words: authorisation and options, read token by token."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot.tokenizer_core import Token, TokenType

from local_aws.redshift.errors import SqlError, syntax_error

__all__ = ["Reader", "read_options"]


class Reader:
    """Tokens, taken from the left."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._position = 0

    def __bool__(self) -> bool:
        return self._position < len(self._tokens)

    def peek(self) -> str:
        """Return the next token in upper case, or nothing at the end; a string is not a word."""
        if not self or self._tokens[self._position].token_type == TokenType.STRING:
            return ""
        return self._tokens[self._position].text.upper()

    def accept(self, *words: str) -> bool:
        """Take these words when they are next."""
        texts = [token.text.upper() for token in self._tokens[self._position : self._position + len(words)]]
        if texts != list(words):
            return False
        self._position += len(words)
        return True

    def expect(self, *words: str) -> None:
        """Take these words, or refuse the statement."""
        if not self.accept(*words):
            raise self.refuse(f"expected {' '.join(words)}")

    def word(self) -> str:
        """Take one word or name, in lower case."""
        if not self.peek():
            raise self.refuse("expected a name")
        self._position += 1
        return self._tokens[self._position - 1].text.lower()

    def text(self) -> str:
        """Take one string literal."""
        if not self or self._tokens[self._position].token_type != TokenType.STRING:
            raise self.refuse("expected text in single quotes")
        self._position += 1
        return self._tokens[self._position - 1].text

    def number(self) -> float:
        """Take one number."""
        if not self or self._tokens[self._position].token_type != TokenType.NUMBER:
            raise self.refuse("expected a number")
        self._position += 1
        return float(self._tokens[self._position - 1].text)

    def refuse(self, hint: str) -> SqlError:
        """Return the error for the next token."""
        near = self._tokens[self._position].text if self else "end of input"
        return syntax_error(near, hint)


def read_options(reader: Reader, known: Mapping[str, str], command: str) -> dict[str, str | float | bool]:
    """Read the authorisation and the options up to the end of the statement.

    Parameters
    ----------
    reader
        Standing after the location.
    known
        Options that the command takes besides the authorisation, and what follows each: ``flag``, ``text``, ``number``,
        ``size`` (a number and MB or GB), or ``switch`` (ON, OFF, TRUE, FALSE, or nothing).
    command
        For errors.

    Raises
    ------
    SqlError
        When an option is unknown, said twice, or the authorisation is missing.
    """
    options: dict[str, str | float | bool] = {}

    def put(name: str, value: str | float | bool) -> None:
        if name in options:
            raise SqlError(f"conflicting or redundant options: {name}")
        options[name] = value

    while reader:
        name = reader.peek()
        if name == "IAM_ROLE":
            reader.word()
            put("IAM_ROLE", "default" if reader.accept("DEFAULT") else reader.text())
        elif name in ("FORMAT", "CSV", "PARQUET", "JSON", "ORC", "AVRO"):
            if reader.accept("FORMAT"):
                reader.accept("AS")
            put("FORMAT", reader.word().upper())
            if options["FORMAT"] not in ("CSV", "PARQUET"):
                raise SqlError(f"{command} FORMAT {options['FORMAT']} is not implemented by the local Redshift")
        elif name in known:
            reader.word()
            reader.accept("AS")
            put(name, _value(reader, known[name]))
        else:
            raise reader.refuse(f"{name or 'text'} is no option of {command} here; it takes {', '.join(sorted(known))}")
    if "IAM_ROLE" not in options:
        raise SqlError(f"{command} needs an authorization: IAM_ROLE DEFAULT or IAM_ROLE 'arn:…'")
    return options


def _value(reader: Reader, kind: str) -> str | float | bool:
    if kind == "text":
        return reader.text()
    if kind == "number":
        return reader.number()
    if kind == "size":
        size = reader.number()
        if reader.accept("GB"):
            return size * 1024
        reader.accept("MB")
        return size
    if kind == "switch":
        if reader.accept("OFF") or reader.accept("FALSE"):
            return False
        _ = reader.accept("ON") or reader.accept("TRUE")
    return True
