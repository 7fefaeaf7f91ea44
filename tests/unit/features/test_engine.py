from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud.features.catalogue import LOOK_BACK_DAYS, feature_names
from fraud.features.engine import compute_features, features_schema
from unit.features.twin import Transaction, at, features_by_brute_force, tables

NEW_YEAR = datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)
MOMENTS = st.builds(
    lambda days, seconds: NEW_YEAR + timedelta(days=days, seconds=seconds),
    st.sampled_from([-40, -37, -31, -30, -14, -8, -7, -2, -1, 0, 1, 2]) | st.integers(-45, 5),
    st.sampled_from([-1, 0, 1]) | st.integers(-90_000, 90_000),
)
DELAYS = st.sampled_from([timedelta(0), timedelta(days=1), timedelta(days=7), timedelta(days=37)]) | st.builds(
    timedelta, seconds=st.integers(0, 45 * 86400)
)


@st.composite
def streams(draw: st.DrawFn) -> list[Transaction]:
    """Transactions in time order, with ties, gaps, corrected labels, windows whose edges are hit to the second."""
    stream = []
    for moment in sorted(draw(st.lists(MOMENTS, min_size=1, max_size=25))):
        verdicts = draw(st.dictionaries(DELAYS, st.booleans(), max_size=3))
        stream.append(
            Transaction(
                moment,
                draw(st.integers(0, 2)),
                draw(st.integers(0, 2)),
                draw(st.sampled_from([0, 1, 999_999_999_999]) | st.integers(0, 50_000)),
                tuple((moment + delay, verdict) for delay, verdict in verdicts.items()),
            )
        )
    return stream


def computed(stream: list[Transaction], start: date, end: date, version: str = "v2") -> list[dict[str, float]]:
    return (
        compute_features(*tables(stream), start, end, version).drop_columns(["transaction_id", "tx_date"]).to_pylist()
    )


def single(stream: list[Transaction], name: str) -> float:
    """Return a feature of the stream's last transaction."""
    day = stream[-1].moment.date()
    return computed(stream, day, day)[-1][name]


@settings(deadline=None, max_examples=150)
@given(streams(), st.integers(0, 10))
def test_features__equal_the_brute_force_twin(stream: list[Transaction], length: int) -> None:
    start = stream[-1].moment.date() - timedelta(days=length)
    end = stream[-1].moment.date()
    expected = features_by_brute_force(stream, start, end)
    actual = computed(stream, start, end)
    assert len(actual) == len(expected)
    deviation = "customer_id_std_amount_7day_window"
    for ours, theirs in zip(actual, expected, strict=True):
        assert ours.pop(deviation) == pytest.approx(theirs.pop(deviation), rel=1e-14, abs=0)
        assert ours == theirs


@settings(deadline=None, max_examples=50)
@given(streams())
def test_features__of_a_day_alone_are_those_of_the_range(stream: list[Transaction]) -> None:
    first, last = stream[0].moment.date(), stream[-1].moment.date()
    transactions, labels = tables(stream)
    whole = compute_features(transactions, labels, first, last, "v2")
    dates = transactions["tx_date"].to_numpy()
    for day in sorted(set(whole["tx_date"].to_pylist())):
        known = labels.filter(pa.array([moment.date() <= day for moment in labels["known_at"].to_pylist()], pa.bool_()))
        near = transactions.filter(
            pa.array((dates >= np.datetime64(day - timedelta(days=LOOK_BACK_DAYS))) & (dates <= day))
        )
        alone = compute_features(near, known, day, day, "v2")
        assert alone.equals(whole.filter(pa.array(dates == np.datetime64(day))).combine_chunks())


def test_features__of_v1_are_the_first_of_v2() -> None:
    stream = [Transaction(at("2026-01-01"), 1, 1, 100), Transaction(at("2026-01-02"), 1, 2, 300)]
    transactions, labels = tables(stream)
    small, large = (compute_features(transactions, labels, date(2026, 1, 1), date(2026, 1, 2), v) for v in ("v1", "v2"))
    assert large.select(small.column_names).equals(small)
    assert small.schema.equals(features_schema("v1"))
    assert small.column_names == ["transaction_id", "tx_date", *feature_names("v1")]


def test_features__of_a_day_without_transactions_are_no_rows() -> None:
    table = compute_features(
        *tables([Transaction(at("2026-01-01"), 1, 1, 100)]), date(2026, 1, 2), date(2026, 1, 3), "v1"
    )
    assert table.num_rows == 0
    assert table.schema.equals(features_schema("v1"))


@pytest.mark.parametrize(
    ("earlier", "count"),
    [("2026-01-01T12:00:00", 1.0), ("2026-01-01T12:00:01", 2.0), ("2026-01-02T12:00:00", 2.0)],
)
def test_card_window__is_open_at_its_beginning_and_closed_at_its_end(earlier: str, count: float) -> None:
    before = Transaction(at(*earlier.split("T")), 1, 1, 100)
    assert single([before, Transaction(at("2026-01-02"), 1, 2, 100)], "customer_id_nb_tx_1day_window") == count


@pytest.mark.parametrize(
    ("earlier", "count"),
    [
        ("2026-01-01T12:00:00", 0.0),
        ("2026-01-01T12:00:01", 1.0),
        ("2026-01-02T12:00:00", 1.0),
        ("2026-01-02T12:00:01", 0.0),
    ],
)
def test_terminal_window__ends_seven_days_before(earlier: str, count: float) -> None:
    before = Transaction(at(*earlier.split("T")), 1, 1, 100)
    assert single([before, Transaction(at("2026-01-09"), 2, 1, 100)], "terminal_id_nb_tx_1day_window") == count


def test_card_window__counts_transactions_of_the_same_moment_both_ways() -> None:
    stream = [Transaction(at("2026-01-01"), 1, terminal, 100) for terminal in (1, 2, 3)]
    day = date(2026, 1, 1)
    assert [row["customer_id_nb_tx_1day_window"] for row in computed(stream, day, day)] == [3.0, 3.0, 3.0]


FRAUD = Transaction(at("2026-01-01"), 1, 1, 100)
RISK = "terminal_id_risk_7day_window"


def risk_on(day: str, *labels: tuple[datetime, bool]) -> float:
    return single([replace(FRAUD, labels=labels), Transaction(at(day), 2, 1, 100)], RISK)


def test_risk__counts_a_fraud_from_the_moment_it_is_known() -> None:
    late = (at("2026-01-10"), True)
    assert risk_on("2026-01-09", late) == 0.0
    assert risk_on("2026-01-10", late) == 1.0
    assert risk_on("2026-01-14", late) == 1.0
    assert risk_on("2026-01-15", late) == 0.0


def test_risk__does_not_look_into_the_delay_when_a_label_is_early() -> None:
    early = (at("2026-01-02"), True)
    assert risk_on("2026-01-07", early) == 0.0
    assert risk_on("2026-01-08", early) == 1.0


def test_risk__follows_a_correction_from_the_moment_it_is_known() -> None:
    labels = ((at("2026-01-08"), True), (at("2026-01-10"), False), (at("2026-01-12"), True))
    assert [risk_on(f"2026-01-{day}", *labels) for day in ("09", "10", "11", "12")] == [1.0, 0.0, 0.0, 1.0]


def test_risk__ignores_a_label_that_confirms_what_is_known() -> None:
    assert risk_on("2026-01-11", (at("2026-01-02"), True), (at("2026-01-08"), True)) == 1.0


def test_risk__never_changes_by_a_label_from_the_future() -> None:
    assert risk_on("2026-01-09", (at("2026-01-09", "12:00:01"), True)) == 0.0


def test_features__do_not_depend_on_the_order_of_labels() -> None:
    labels = ((at("2026-01-08"), True), (at("2026-01-10"), False))
    transactions, table = tables([replace(FRAUD, labels=labels), Transaction(at("2026-01-09"), 2, 1, 100)])
    day = date(2026, 1, 9)
    forward = compute_features(transactions, table, day, day, "v1")
    assert compute_features(transactions, table.take([1, 0]), day, day, "v1").equals(forward)
    assert forward[RISK].to_pylist() == [1.0]


def test_labels__of_transactions_that_are_not_given_are_left_aside() -> None:
    transactions, labels = tables(
        [replace(FRAUD, labels=((at("2026-01-08"), True),)), Transaction(at("2026-01-09"), 2, 1, 1)]
    )
    strange = labels.set_column(0, "transaction_id", pa.array([77]))
    day = date(2026, 1, 9)
    assert compute_features(transactions, strange, day, day, "v1")[RISK].to_pylist() == [0.0]


def test_std__of_huge_equal_amounts_is_zero() -> None:
    stream = [Transaction(at("2026-01-01", f"12:00:{second:02}"), 1, 1, 999_999_999_999) for second in range(50)]
    assert single(stream, "customer_id_std_amount_7day_window") == 0.0
