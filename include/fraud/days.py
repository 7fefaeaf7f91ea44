"""Ranges of days."""

from __future__ import annotations

from datetime import date, timedelta

from fraud.errors import ConfigurationError

__all__ = ["days_between", "requested_days"]


def days_between(start: date, end: date) -> list[date]:
    """Return the days from start to end, both included."""
    return [start + timedelta(days=offset) for offset in range((end - start).days + 1)]


def requested_days(start: date, end: date) -> list[date]:
    """Return the days that ``--start`` and ``--end`` of a job ask for.

    Raises
    ------
    ConfigurationError
        When the range ends before it starts.
    """
    if end < start:
        raise ConfigurationError(
            f"--end {end} is before --start {start}; give a range that ends where it starts, or later"
        )
    return days_between(start, end)
