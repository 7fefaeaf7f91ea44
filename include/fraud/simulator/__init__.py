"""The outside world, simulated: customers, terminals, transactions, frauds, and labels as they become known.

The model is the Fraud Detection Handbook's (chapter 3, "Transaction data simulator"), made addressable by day.

worlds        what a world is: YAML in, one frozen object out; needs no numpy
scenarios     how frauds are committed, one file each
episodes      how a world changes over time (drift)
conditions    what holds on one day: episodes applied
streams       counter-based random streams
population    who lives in the world on a day, and which terminals a customer reaches
simulation    one day's transactions and frauds
labels        verdicts as they become known
tables        a day as Arrow tables
handbook      the published data set, bit for bit
show          a world drawn on one time axis
"""

from typing import Any

__all__ = ["simulate"]


def __getattr__(name: str) -> Any:
    # Loaded when first used: workers import `fraud.simulator.worlds` where there is no numpy.
    if name == "simulate":
        from fraud.simulator.simulation import simulate  # noqa: PLC0415

        return simulate
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
