"""The monitor page's objects: what they hold, that they stay small, and that running a day again changes nothing."""

import json
import random
import subprocess
import sys
from datetime import date, timedelta

import pytest

from fraud.monitoring.observation import DayMetrics
from fraud.monitoring.summary import HISTORY_DAYS, card_parts, day_part, models_object, summary_object, to_json
from monitor_objects import FIRST, SETTINGS, page_objects

DAY = date(2026, 2, 10)
MEASURED = {
    "model_version": 4,
    "average_precision": 0.61234567,
    "auc_roc": 0.9,
    "card_precision": 0.3,
    "precision_at_budget": 0.2,
    "first": "2026-02-03",
    "last": "2026-02-03",
    "transactions": 9600,
    "frauds": 60,
}


def metrics(**changes):
    """Return ``metrics.json`` as the drift job writes it."""
    values = {
        "date": DAY,
        "model_version": 4,
        "feature_version": "v1",
        "transactions": 9600,
        "pooled_from": DAY,
        "current_rows": 9600,
        "reference_rows": 20000,
        "columns": {"tx_amount": {"method": "wasserstein", "value": 0.123456}},
        "score": {"method": "wasserstein", "value": 0.05},
        "alert_rate_ratio": 1.1,
        "volume_ratio": None,
        "performance": {"day": MEASURED, "long": {**MEASURED, "first": "2026-01-28", "average_precision": 0.65}},
        "baseline_average_precision": 0.66,
    }
    return DayMetrics.model_validate({**values, **changes}).model_dump(mode="json")


def part(day=DAY, *, action="none", alarm="none", alerts=3, **changes):
    return day_part(
        day,
        scoring={"model_version": 4, "rows": {"predictions": 9600, "alerts": alerts}},
        metrics=metrics(date=day, **changes),
        decision={"decision_date": str(day), "action": action, "alarm": alarm, "reason": "why", "due_date": None},
        alerts=[{"rank": rank} for rank in range(1, alerts + 1)],
        dag_id="fraud_daily",
        run_id=f"run of {day}",
    )


def transaction(rank, moment, amount, verdict, score="0.5", day=DAY):
    return {
        "alert_date": str(day),
        "rank": str(rank),
        "tx_datetime": moment,
        "tx_amount": amount,
        "score": score,
        "verdict": verdict,
    }


def summary(before=None, parts=(), cards=(), frauds=None, as_of=DAY + timedelta(days=1)):
    return summary_object(before, parts, cards, frauds or {}, as_of=as_of, settings=SETTINGS)


def outcome(day, as_of, **outcomes):
    return {"date": str(day), "as_of": str(as_of), "outcomes": {rank[1:]: value for rank, value in outcomes.items()}}


def test_summary__a_row_says_what_the_day_s_metrics_say():
    row = {
        name: values[0]
        for name, values in summary(parts=[part(alarm="labels", action="train_now")]).items()
        if isinstance(values, list)
    }
    assert row == {
        "dates": "2026-02-10",
        "model_version": 4,
        "transactions": 9600,
        "alerts": 3,
        "labelled_day": "2026-02-03",
        "day_average_precision": 0.6123,
        "day_auc_roc": 0.9,
        "day_card_precision": 0.3,
        "long_average_precision": 0.65,
        "long_auc_roc": 0.9,
        "long_card_precision": 0.3,
        "baseline_average_precision": 0.66,
        "alert_rate_ratio": 1.1,
        "volume_ratio": None,
        "alarm": "labels",
        "action": "train_now",
        "due_date": None,
        "dag_id": "fraud_daily",
        "run_id": "run of 2026-02-10",
        **dict.fromkeys(("outcomes_as_of", "investigated", "caught_cards", "caught_cents")),
        **dict.fromkeys(("frauds", "fraud_cards", "fraud_cents")),
    }


def test_summary__drift_keeps_the_score_beside_the_features_and_their_methods():
    built = summary(parts=[part()])
    assert built["drift"] == {"tx_amount": [0.1235], "score": [0.05]}
    assert built["methods"] == {"tx_amount": "wasserstein", "score": "wasserstein"}


def test_summary__a_feature_that_one_day_lacks_is_null_there():
    other = part(DAY + timedelta(days=1), columns={"new": {"method": "jensenshannon", "value": 0.2}}, score=None)
    built = summary(summary(parts=[part()]), [other])
    assert built["drift"] == {"new": [None, 0.2], "score": [0.05, None], "tx_amount": [0.1235, None]}


def test_summary__what_is_not_measured_is_null_never_zero():
    bare = {
        "columns": {},
        "score": None,
        "alert_rate_ratio": None,
        "performance": {},
        "baseline_average_precision": None,
    }
    built = summary(parts=[part(**bare, no_evidence={"predictions": "no predictions"})])
    empty = (
        "labelled_day",
        "day_average_precision",
        "long_auc_roc",
        "baseline_average_precision",
        "alert_rate_ratio",
        "alarm",
        "action",
    )
    assert [built[name] for name in empty] == [[None]] * len(empty)
    assert built["drift"] == {}


def test_summary__days_added_one_by_one_give_what_one_range_gives():
    days = [DAY + timedelta(days=offset) for offset in range(4)]
    late = days[-1] + timedelta(days=1)
    whole = summary(parts=[part(day) for day in days], as_of=late)
    stepwise = None
    for day in days:
        stepwise = summary(stepwise, [part(day)], as_of=day + timedelta(days=1))
    assert to_json(stepwise) == to_json(whole)


def test_summary__a_day_closed_again_replaces_its_row_and_keeps_its_outcomes():
    first = summary(parts=[part()], cards=[outcome(DAY, DAY + timedelta(days=2), r1=[2, 500])])
    again = summary(first, [part(alarm="unlabelled")])
    assert again["alarm"] == ["unlabelled"]
    assert again["caught_cents"] == [500]


def test_summary__an_earlier_look_at_outcomes_does_not_undo_a_later_one():
    later = summary(parts=[part()], cards=[outcome(DAY, "2026-02-20", r1=[2, 500], r2=[0, 0])], as_of=date(2026, 2, 20))
    again = summary(later, [part()], [outcome(DAY, "2026-02-11")], as_of=date(2026, 2, 11))
    assert (again["caught_cents"], again["investigated"], again["as_of"]) == ([500], [2], "2026-02-20")


def test_summary__counts_caught_cards_and_all_known_frauds():
    known = {str(DAY): {"frauds": "9", "cards": "6", "amount": "1234.56"}}
    cards = [outcome(DAY, "2026-02-20", r1=[2, 500], r2=[0, 0], r3=[1, 250])]
    built = summary(parts=[part()], cards=cards, frauds=known)
    names = ("investigated", "caught_cards", "caught_cents", "frauds", "fraud_cards", "fraud_cents")
    assert [built[name][0] for name in names] == [3, 2, 750, 9, 6, 123456]


def test_summary__outcomes_of_a_day_that_is_not_closed_are_left_out():
    assert summary(parts=[part()], cards=[outcome(date(2026, 1, 1), "2026-02-20")])["dates"] == ["2026-02-10"]


def test_summary__the_last_decision_is_of_the_last_day_whatever_was_closed_last():
    built = summary(summary(parts=[part(DAY), part(DAY + timedelta(days=1), alarm="labels")]), [part(DAY)])
    assert (built["last"]["decision_date"], built["last"]["alarm"]) == ("2026-02-11", "labels")


def test_cards__times_count_from_the_history_s_first_midnight_and_amounts_are_cents():
    rows = [
        transaction(1, "2026-01-12 00:02:59", "12.30", "0"),
        transaction(1, "2026-02-10 23:59:59", "0.07", "", score=""),
    ]
    [(day, content)] = card_parts(rows, DAY)
    assert day == DAY
    assert content["cards"] == {"1": [[2, 1230, 0.5, 0], [HISTORY_DAYS * 1440 - 1, 7, None, None]]}


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["1", ""], {"1": [1, 100]}),
        (["1", "1"], {"1": [2, 200]}),
        (["0", "0"], {"1": [0, 0]}),
        (["0", ""], {}),
        (["", ""], {}),
    ],
)
def test_cards__an_outcome_waits_for_a_fraud_or_for_all_verdicts_of_the_alert_s_day(verdicts, expected):
    rows = [transaction(1, "2026-01-20 10:00:00", "5.00", "1")]
    rows += [transaction(1, f"2026-02-10 1{n}:00:00", "1.00", verdict) for n, verdict in enumerate(verdicts)]
    [(_, content)] = card_parts(rows, DAY)
    assert content["outcomes"] == expected


def test_cards__are_read_a_day_at_a_time():
    days = [DAY, DAY + timedelta(days=1)]
    taken = []

    def rows():
        for day in days:
            taken.append(day)
            yield transaction(1, f"{day} 10:00:00", "1.00", "1", day=day)

    parts = card_parts(rows(), DAY)
    assert next(parts)[0] == days[0]
    assert taken == days  # the second day's first row says that the first day is over
    assert next(parts)[0] == days[1]


def test_models__are_in_the_order_of_versions_with_their_run_s_verdict():
    packages = [
        {"version": version, "approval": "Approved", "effective_from": "2026-01-01", "metadata": {"run": f"r{version}"}}
        for version in (10, 9)
    ]
    built = models_object(packages, {"r9": {"best": "xgboost"}})
    assert [(model["version"], model["verdict"]) for model in built["models"]] == [(9, {"best": "xgboost"}), (10, None)]


def test_summary__three_years_stay_small():
    text = page_objects(1095, detailed=1, cards=1)["monitoring/summary.json"]
    assert len(text) < 400_000
    assert len(json.loads(text)["dates"]) == 1095


def test_objects__are_the_same_bytes_for_the_same_inputs():
    assert page_objects(12, cards=3) == page_objects(12, cards=3)
    assert FIRST.isoformat() in page_objects(12, cards=3)["monitoring/summary.json"]


def test_summary__needs_nothing_that_a_worker_lacks():
    heavy = ("numpy", "pandas", "pyarrow", "pydantic")
    program = f"import sys, fraud.monitoring.summary; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_cards__totals_match_a_count_by_hand():
    draw = random.Random(3)
    rows = [
        transaction(
            rank, f"2026-02-10 {draw.randrange(24):02}:00:00", f"{draw.randrange(1, 9999) / 100:.2f}", draw.choice("01")
        )
        for rank in range(1, 40)
        for _ in range(draw.randrange(1, 5))
    ]
    [(_, content)] = card_parts(rows, DAY)
    built = summary(parts=[part()], cards=[content])
    cents = sum(round(float(row["tx_amount"]) * 100) for row in rows if row["verdict"] == "1")
    assert built["caught_cents"] == [cents]
    assert built["caught_cards"] == [len({row["rank"] for row in rows if row["verdict"] == "1"})]
