"""Labels: each exactly when it may be known, corrected when they were wrong, and investigators who know the truth."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from fraud.errors import DataError
from fraud.schema import IDS_PER_DAY, arrow_schema
from fraud.simulator.labels import chargebacks, investigate
from fraud.simulator.simulation import simulate
from fraud.simulator.tables import transactions_table
from fraud.simulator.worlds import World, load_world

TINY = load_world("tiny")


def changed(world: World, **labels) -> World:
    return world.changed(labels=world.labels.model_copy(update=labels))


def truth(world: World, days: range) -> dict[int, bool]:
    results = [simulate(world, day) for day in days]
    return {int(i): bool(f) for day in results for i, f in zip(day.transaction_id, day.is_fraud, strict=True)}


def moments(world: World, days: range) -> dict[int, datetime]:
    tables = pa.concat_tables([transactions_table(simulate(world, day)) for day in days])
    return dict(zip(tables["transaction_id"].to_pylist(), tables["tx_datetime"].to_pylist(), strict=True))


def test_chargebacks__are_the_truth_seven_days_later_to_the_second() -> None:
    labels = chargebacks(TINY, 87)
    assert labels.schema.equals(arrow_schema("label_deliveries"), check_metadata=True)
    assert dict(zip(labels["transaction_id"].to_pylist(), labels["is_fraud"].to_pylist(), strict=True)) == truth(
        TINY, range(80, 81)
    )
    made = moments(TINY, range(80, 81))
    for row in labels.to_pylist():
        assert row["known_at"] == made[row["transaction_id"]] + timedelta(days=7)
        assert row["tx_date"] == TINY.date_of(80)
        assert row["source"] == "chargeback"


def test_chargebacks__there_are_none_before_the_first_delay_is_over() -> None:
    assert [chargebacks(TINY, day).num_rows for day in range(7)] == [0] * 7
    assert chargebacks(TINY, 6).schema.equals(arrow_schema("label_deliveries"))
    assert chargebacks(TINY, 7).num_rows == len(simulate(TINY, 0))


def test_chargebacks__by_date_are_those_of_the_index() -> None:
    assert chargebacks(TINY, TINY.date_of(30)).equals(chargebacks(TINY, 30))


@pytest.mark.parametrize("delay", [0, 3])
def test_chargebacks__follow_the_worlds_delay(delay: int) -> None:
    labels = chargebacks(changed(TINY, delay_days=delay), 20)
    assert set((labels["transaction_id"].to_numpy() // IDS_PER_DAY).tolist()) == {20 - delay}


def test_chargebacks__every_transaction_has_one_first_label_while_the_delay_grows() -> None:
    world = load_world("label_delay").changed(customers=200, terminals=400, radius=30.0)
    delivered = Counter()
    for day in range(70, 130):
        labels = chargebacks(world, day)
        known = [moment.date() for moment in labels["known_at"].to_pylist()]
        assert set(known) <= {world.date_of(day)}
        assert labels["transaction_id"].to_pylist() == sorted(labels["transaction_id"].to_pylist())
        delivered.update(labels["transaction_id"].to_pylist())
    settled = truth(world, range(75, 95))
    assert set(settled) <= set(delivered)
    assert {delivered[i] for i, fraud in settled.items() if not fraud} == {1}


def test_chargebacks__missed_frauds_are_corrected_later() -> None:
    world = changed(TINY, missed_share=0.3, correction_days=10)
    first, last = {}, {}
    for day in range(20, 60):
        for row in chargebacks(world, day).to_pylist():
            first.setdefault(row["transaction_id"], row)
            last[row["transaction_id"]] = row
    real = truth(world, range(15, 40))
    wrong = [i for i, fraud in real.items() if first[i]["is_fraud"] != fraud]
    frauds = sum(real.values())
    assert all(real[i] for i in wrong)
    assert len(wrong) / frauds == pytest.approx(0.3, abs=4 * np.sqrt(0.3 * 0.7 / frauds))
    for i in real:
        assert last[i]["is_fraud"] == real[i]
        assert last[i]["known_at"] - first[i]["known_at"] == timedelta(days=10 if i in wrong else 0)


def test_investigate__tells_the_truth_about_the_alerted_cards_of_that_day_only() -> None:
    alerted = np.unique(simulate(TINY, 88).customer_id)[[3, 50, 200]]
    labels = investigate(TINY, TINY.date_of(88), alerted)
    day = simulate(TINY, 88)
    expected = {
        int(i): bool(f)
        for i, f, customer in zip(day.transaction_id, day.is_fraud, day.customer_id, strict=True)
        if customer in alerted
    }
    assert labels.schema.equals(arrow_schema("label_deliveries"))
    assert dict(zip(labels["transaction_id"].to_pylist(), labels["is_fraud"].to_pylist(), strict=True)) == expected
    known = datetime.combine(TINY.date_of(89), datetime.min.time(), UTC) + timedelta(hours=18)
    assert pc.unique(labels["known_at"]).to_pylist() == [known]
    assert pc.unique(labels["source"]).to_pylist() == ["investigation"]


def test_investigate__without_alerts_finds_nothing_out() -> None:
    assert investigate(TINY, TINY.date_of(88), np.array([], dtype=np.int64)).num_rows == 0


def test_investigate__refuses_alerts_of_another_world() -> None:
    with pytest.raises(DataError, match=r"alerts of 2025-03-30: customer 4999 made no transaction that day in .* tiny"):
        investigate(TINY, date(2025, 3, 30), np.array([4999]))
