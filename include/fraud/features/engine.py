"""The one-machine engine: transactions and labels in, features out.

Everything that is summed is an integer, and each feature is one short expression of such sums. A day computed from its
look-back alone and the same day computed within a year are therefore equal to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from itertools import groupby

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fraud.features.aggregates import Floats, Rows, sums_of, values_of
from fraud.features.catalogue import Feature, features
from fraud.features.kernels import sum_active
from fraud.features.streams import DAY, STREAMS, History, Integers, Sum, Verdicts, encode

__all__ = ["compute_features", "features_schema"]

_EPOCH = date(1970, 1, 1)
_RUN = 1 << 16


def features_schema(version: str) -> pa.Schema:
    """Return the Arrow schema of a version's feature files."""
    fields = [("transaction_id", pa.int64()), ("tx_date", pa.date32())]
    fields += [(feature.name, pa.float64()) for feature in features(version)]
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in fields])


def compute_features(transactions: pa.Table, labels: pa.Table, start: date, end: date, version: str) -> pa.Table:
    """Compute the features of the transactions of some days.

    Cost: linear in the transactions given (each windowed sum is one sweep), and in the labels.

    Parameters
    ----------
    transactions
        Table ``transactions`` of :mod:`fraud.schema`, ordered by ``transaction_id`` and by ``tx_datetime``: the days
        asked for and the :data:`~fraud.features.catalogue.LOOK_BACK_DAYS` before them, as far as there are any.
    labels
        Columns ``transaction_id``, ``is_fraud`` and ``known_at``, in any order; who says so does not matter. At any
        moment the label that became known last counts; a transaction without one counts as genuine. Labels of
        transactions that are not given are left aside.
    start, end
        First and last day asked for, both included, by UTC.
    version
        Feature version of :mod:`fraud.features.catalogue`.

    Returns
    -------
    pyarrow.Table
        A row for each transaction of those days, in order, with :func:`features_schema`.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from fraud.schema import arrow_schema
    >>> moment = datetime(2026, 1, 3, 12, tzinfo=UTC)
    >>> row = {"transaction_id": 1, "tx_date": moment.date(), "tx_datetime": moment, "customer_id": 5, "terminal_id": 8}
    >>> transactions = pa.Table.from_pylist([row | {"tx_amount": 12}], arrow_schema("transactions"))
    >>> labels = arrow_schema("label_deliveries").empty_table()
    >>> table = compute_features(transactions, labels, moment.date(), moment.date(), "v1")
    >>> table["customer_id_avg_amount_7day_window"].to_pylist()
    [12.0]
    """
    history = _history(transactions, labels)
    first, last = np.searchsorted(history.moment, [_moment(start), _moment(end + timedelta(days=1))])
    members = features(version)
    columns = {feature.name: np.empty(last - first) for feature in members}
    windows = [list(group) for _, group in groupby(sorted(members, key=_window), key=_window)]
    with ThreadPoolExecutor() as pool:  # the compiled sweep holds no lock
        for done in [pool.submit(_fill, columns, group, history, int(first), int(last)) for group in windows]:
            done.result()
    keys = transactions.select(["transaction_id", "tx_date"]).slice(first, last - first)
    arrays = [*keys.columns, *(pa.array(columns[feature.name]) for feature in members)]
    return pa.table(arrays, schema=features_schema(version))


def _window(feature: Feature) -> tuple[str, int, int]:
    return feature.entity, feature.window_days, feature.delay_days


def _fill(columns: dict[str, Floats], members: Sequence[Feature], history: History, first: int, last: int) -> None:
    """Compute the features of one window, in runs of rows that are short enough to stay in the processor's cache."""
    sweeps = {wanted: _sweep(history, wanted) for feature in members for wanted in sums_of(feature)}
    for begin in range(first, last, _RUN):
        run = slice(begin, min(begin + _RUN, last))
        rows = Rows(history.moment[run], history.cents[run])
        sums = {wanted: sweep(run) for wanted, sweep in sweeps.items()}
        for feature in members:
            columns[feature.name][run.start - first : run.stop - first] = values_of(feature, rows, sums)


def _sweep(history: History, wanted: Sum) -> Callable[[slice], Integers]:
    """Return what sums a value over its window for one run of rows after another."""
    events = STREAMS[wanted.value](history, wanted)
    code = history.codes[wanted.entity]
    totals, done = np.zeros(history.entities[wanted.entity], np.int64), np.zeros(2, np.int64)

    def sweep(run: slice) -> Integers:
        sums: Integers = sum_active(history.moment[run], code[run], *events, totals, done)
        return sums

    return sweep


def _history(transactions: pa.Table, labels: pa.Table) -> History:
    customer, customers = encode(transactions["customer_id"])
    terminal, terminals = encode(transactions["terminal_id"])
    moment = transactions["tx_datetime"].cast(pa.int64()).to_numpy()
    return History(
        moment=moment,
        cents=_cents(transactions["tx_amount"]),
        once=np.ones_like(moment),
        codes={"customer": customer, "terminal": terminal},
        entities={"customer": customers, "terminal": terminals},
        verdicts=_verdicts(transactions["transaction_id"].to_numpy(), labels),
    )


def _cents(amounts: pa.ChunkedArray) -> Integers:
    """Return decimals of two places as whole cents: the lower half of the 128 bits, for they have twelve digits."""
    words = (
        np.frombuffer(chunk.buffers()[1], np.int64)[2 * chunk.offset :][: 2 * len(chunk) : 2]
        for chunk in amounts.chunks
    )
    return np.concatenate([np.empty(0, np.int64), *words])


def _verdicts(transaction_id: Integers, labels: pa.Table) -> Verdicts:
    """Reduce labels to the moments at which the verdict on a transaction changes; unlabelled means genuine."""
    frauds = labels.filter(labels["is_fraud"])["transaction_id"]
    labels = labels.filter(pc.is_in(labels["transaction_id"], value_set=frauds)) if len(frauds) else labels.slice(0, 0)
    known_at = labels["known_at"].cast(pa.int64()).to_numpy()
    labelled = labels["transaction_id"].to_numpy()
    is_fraud = labels["is_fraud"].cast(pa.int8()).to_numpy().astype(np.int64)
    order = np.lexsort((known_at, labelled))
    labelled, known_at, is_fraud = labelled[order], known_at[order], is_fraud[order]
    before = np.zeros_like(is_fraud)
    before[1:] = np.where(labelled[1:] == labelled[:-1], is_fraud[:-1], 0)
    row = np.searchsorted(transaction_id, labelled)
    given = np.zeros(row.size, bool)
    given[row < transaction_id.size] = (
        transaction_id[row[row < transaction_id.size]] == labelled[row < transaction_id.size]
    )
    kept = given & (is_fraud != before)
    return Verdicts(row[kept], known_at[kept], (is_fraud - before)[kept])


def _moment(day: date) -> int:
    return (day - _EPOCH).days * DAY
