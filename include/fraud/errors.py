"""Errors that a user can do something about, each kind with its own exit code.

A message is one sentence that says what was wrong, where (file, line, field, row), what was expected and what to do.
"""


class FraudError(Exception):
    """Base of every error that is the input's or the environment's fault, never a bug."""

    exit_code = 1


class ConfigurationError(FraudError):
    """A setting, world file or parameter is wrong."""

    exit_code = 3


class DataError(FraudError):
    """Data does not have the promised form."""

    exit_code = 4


class MissingInputError(FraudError):
    """Something that has to exist first does not: an upstream day, a champion, a file."""

    exit_code = 5


class ConflictError(FraudError):
    """Two things that must not meet do: two worlds in one prefix, a port in use, a job name taken."""

    exit_code = 6
