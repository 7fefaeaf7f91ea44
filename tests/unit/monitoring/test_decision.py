"""The decision of a day: every rule, what is waited for, and a whole story."""

import random
from datetime import date, timedelta

import pytest

from fraud.errors import ConfigurationError
from fraud.monitoring.decision import Decision, State, decide
from fraud.monitoring.loss import Loss
from fraud.monitoring.observation import DayMetrics
from fraud.schema import TABLES
from fraud.settings import DriftThresholds
from unit.monitoring.days import blind, calm, day_of, drifted, lossy, performance

T = DriftThresholds()
STATE = State(effective_from=day_of(0))


def past(number: int, action: str, alarm: str = "none", **changes: object) -> Decision:
    values = {"decision_date": day_of(number), "model_version": 1, "action": action, "alarm": alarm, "reason": "x"}
    return Decision.model_validate(values | changes)


def after(*decisions: Decision, **changes: object) -> State:
    return State.model_validate({"effective_from": day_of(0), "past": decisions, **changes})


def test_calm__nothing_is_done_and_the_reason_says_that_all_was_looked_at() -> None:
    decision = decide([calm(19), calm(20)], STATE, T)
    assert (decision.action, decision.alarm, decision.run_id) == ("none", "none", "")
    assert decision.reason == "features, scores and labels are as expected"


def test_one_signal__is_not_yet_an_alarm() -> None:
    decision = decide([calm(18), calm(19), lossy(20)], STATE, T)
    assert (decision.action, decision.alarm) == ("none", "none")
    assert "not yet on 2 of 3 days" in decision.reason
    assert "0.455 (below 0.75)" in decision.reason


def test_label_alarm__trains_now_on_the_labels_known_by_the_end_of_the_day() -> None:
    decision = decide([calm(18), lossy(19), lossy(20)], STATE, T)
    assert (decision.action, decision.alarm) == ("train_now", "labels")
    assert decision.train_as_of == day_of(21)
    assert decision.run_id == "drift__2026-01-21"
    assert "0.455 (below 0.75)" in decision.reason


def test_unlabelled_alarm__plans_a_challenger_for_when_labels_are_there() -> None:
    decision = decide([drifted(19), drifted(20)], STATE, T)
    assert (decision.action, decision.alarm) == ("plan_challenger", "unlabelled")
    assert decision.due_date == day_of(20 + T.planned_after_days)
    assert decision.train_as_of is None


def test_unlabelled_alarm__trains_at_once_where_the_setting_says_so() -> None:
    assert decide([drifted(19), drifted(20)], after(drift_retrain="now"), T).action == "train_now"


def test_plan__is_made_once() -> None:
    state = after(past(18, "plan_challenger", "unlabelled", due_date=day_of(28)))
    decision = decide([drifted(19), drifted(20)], state, T)
    assert decision.action == "none"
    assert f"planned for {day_of(28)}" in decision.reason


@pytest.mark.parametrize("day", [calm, drifted, blind])
def test_plan__is_carried_out_on_its_day_whatever_that_day_says(day: object) -> None:
    state = after(past(10, "plan_challenger", "unlabelled", due_date=day_of(20)))
    decision = decide([day(19), day(20)], state, T)  # type: ignore[operator]
    assert decision.action == "train_now"
    assert f"planned on {day_of(10)} is due" in decision.reason


def test_plan__is_carried_out_late_when_its_day_was_missed_and_only_once() -> None:
    plan = past(10, "plan_challenger", "unlabelled", due_date=day_of(15))
    assert decide([calm(19), calm(20)], after(plan), T).action == "train_now"
    assert decide([calm(19), calm(20)], after(plan, past(15, "train_now")), T).action == "none"


def test_plan__outlives_a_refusal_before_its_day() -> None:
    plan = past(10, "plan_challenger", "unlabelled", due_date=day_of(20))
    refused = past(14, "train_now", "labels", verdict="refused")
    assert decide([drifted(19), drifted(20)], after(plan, refused), T).action == "train_now"


def test_plan__of_the_champion_before_is_void() -> None:
    plan = past(10, "plan_challenger", "unlabelled", due_date=day_of(20))
    assert decide([calm(19), calm(20)], after(plan, effective_from=day_of(11)), T).action == "none"


def test_promotion__is_given_time() -> None:
    history = [lossy(19), lossy(20)]
    assert decide(history, after(effective_from=day_of(14)), T).action == "none"
    assert "wait until" in decide(history, after(effective_from=day_of(14)), T).reason
    assert decide(history, after(effective_from=day_of(13)), T).action == "train_now"


def test_refusal__is_given_time() -> None:
    refused = past(18, "train_now", "labels", verdict="refused")
    assert decide([lossy(19), lossy(20)], after(refused), T).action == "none"
    assert decide([lossy(20), lossy(21)], after(refused), T).action == "train_now"


def test_pending_approval__holds_back_another_challenger() -> None:
    decision = decide([lossy(19), lossy(20)], after(past(5, "train_now", "labels", verdict="pending")), T)
    assert decision.action == "none"
    assert "waits for its approval" in decision.reason


def test_training_that_left_no_verdict__is_tried_again_the_next_day() -> None:
    assert decide([lossy(19), lossy(20)], after(past(19, "train_now", "labels")), T).action == "train_now"


def test_refused_without_labels__plans_again_only_after_its_cool_down() -> None:
    refused = past(20, "train_now", "unlabelled", verdict="refused")
    early, late = 20 + T.cooldown_unlabelled_days - 1, 20 + T.cooldown_unlabelled_days
    assert decide([drifted(early - 1), drifted(early)], after(refused), T).action == "none"
    assert decide([drifted(late - 1), drifted(late)], after(refused), T).action == "plan_challenger"


LOSS = Loss(since=day_of(10), version=1, expected=0.66)


def refused(*numbers: int) -> tuple[Decision, ...]:
    """Return challengers refused under the loss, and the days between with nothing done."""
    trained = [past(number, "train_now", "labels", verdict="refused", loss=LOSS) for number in numbers]
    others = [number for number in range(10, max(numbers) + 3) if number not in numbers]
    return (*trained, *(past(number, "none", "labels", loss=LOSS) for number in others))


def served(number: int, labelled: int, precision: float, version: int = 2, expected: float = 0.66) -> DayMetrics:
    """A day that one version scored and whose labels are about another, maybe."""
    windows = {
        name: performance(number, days, precision, 240, model_version=labelled, expected=expected)
        for name, days in (("short", 3), ("long", 7))
    }
    return calm(number, model_version=version, performance=windows)


def test_loss__begins_with_the_label_alarm_and_keeps_what_was_expected_before_it() -> None:
    assert decide([lossy(19)], STATE, T).loss is None
    found = decide([lossy(19), lossy(20)], STATE, T).loss
    assert found == Loss(since=day_of(20), version=1, expected=0.66)
    state = after(past(20, "train_now", "labels", loss=found))
    assert decide([lossy(20), lossy(21)], state, T).loss == found
    assert decide([lossy(20), blind(21)], state, T).loss == found, "no evidence is no all-clear"


def test_loss__outlasts_a_promotion_whose_champion_expects_little() -> None:
    state = after(past(20, "none", "labels", loss=LOSS), effective_from=day_of(12))
    days = [served(number, 2, 0.30, expected=0.31) for number in (20, 21)]
    assert decide(days, state, T).alarm == "labels", "of itself version 2 reaches all that it expects"
    assert decide(days, after(effective_from=day_of(12)), T).alarm == "none"


@pytest.mark.parametrize(("precision", "lasts"), [(0.66 * 0.94, True), (0.66 * 0.96, False)])
def test_loss__is_over_when_the_longer_window_is_near_what_was_expected(precision: float, lasts: bool) -> None:
    decision = decide([served(21, 2, precision, expected=0.4)], after(past(20, "none", loss=LOSS)), T)
    assert (decision.loss is not None) is lasts


def test_loss__is_the_new_level_in_the_end() -> None:
    state = after(past(10 + T.loss_most_days - 1, "none", loss=LOSS))
    assert decide([served(10 + T.loss_most_days, 2, 0.31, expected=0.31)], state, T).loss is None


def test_labels_of_all_versions__make_one_alarm_while_a_loss_lasts() -> None:
    days = [served(16, 1, 0.3), served(17, 1, 0.3), blind(18, model_version=2), served(19, 2, 0.3)]
    state = after(past(18, "none", "labels", loss=LOSS), effective_from=day_of(12))
    assert decide(days, state, T).alarm == "labels"
    assert decide(days, after(effective_from=day_of(12)), T).alarm == "none", "version 2 alone signals once"


def test_escalation__after_three_refusals_under_one_loss() -> None:
    decision = decide([lossy(17), lossy(18)], after(*refused(10, 13, 16)), T)
    assert decision.action == "escalate"
    assert "retraining does not help" in decision.reason
    assert str(day_of(13)) in decision.reason
    assert decide([lossy(14), lossy(15)], after(*refused(10, 13)), T).action == "none"


def test_escalation__counts_refusals_over_promotions() -> None:
    state = after(*refused(10, 13, 16), effective_from=day_of(12))
    assert decide([lossy(18), lossy(19)], state, T).action == "escalate"


def test_escalation__happens_once_and_stops_the_training() -> None:
    state = after(*refused(10, 13, 16), past(19, "escalate", "labels", loss=LOSS))
    decision = decide([lossy(19), lossy(20)], state, T)
    assert decision.action == "none"
    assert f"escalated on {day_of(19)}" in decision.reason


def test_escalation__refusals_of_a_loss_that_ended_do_not_count() -> None:
    again = past(20, "none", "labels", loss=LOSS.model_copy(update={"since": day_of(20)}))
    assert decide([lossy(20), lossy(21)], after(*refused(2, 5, 8), again), T).action == "train_now"


def test_escalation__when_what_took_over_has_not_made_the_loss_good_in_time() -> None:
    promoted = past(10, "train_now", "labels", verdict="promoted", loss=LOSS)

    def on(number: int, *days: DayMetrics) -> Decision:
        return decide(days, after(promoted, past(number - 1, "none", loss=LOSS), effective_from=day_of(11)), T)

    due = 10 + T.escalate_after_days
    assert on(due, served(due - 1, 2, 0.3, expected=0.31), served(due, 2, 0.3, expected=0.31)).action == "escalate"
    assert "0.660 was expected before the alarm" in on(due, served(due - 1, 2, 0.3), served(due, 2, 0.3)).reason
    early = due - 1
    assert on(early, served(early - 1, 2, 0.3), served(early, 2, 0.3)).action != "escalate"
    assert on(due, served(due - 1, 1, 0.3), served(due, 1, 0.3)).action == "none", "no label is about version 2 yet"
    assert on(due, served(due - 1, 2, 0.6), served(due, 2, 0.6)).action == "none", "nine tenths are back"
    untried = after(past(due - 1, "none", "labels", loss=LOSS), effective_from=day_of(0))
    found = decide([lossy(due - 1), lossy(due)], untried, T)
    assert found.action == "train_now", "in days that were not acted on nothing was tried"
    assert on(due, served(due - 1, 2, 0.3), blind(due, model_version=2)).action == "none", "no evidence"


def test_escalation__waits_for_a_challenger_that_a_person_is_asked_about() -> None:
    state = after(*refused(10, 13, 16), past(19, "train_now", "labels", verdict="pending", loss=LOSS))
    decision = decide([lossy(19), lossy(20)], state, T)
    assert decision.action == "none"
    assert "waits for its approval" in decision.reason


def test_escalation__of_a_day_of_the_past_calls_nobody() -> None:
    decision = decide([lossy(17), lossy(18)], after(*refused(10, 13, 16), acting=False), T)
    assert (decision.action, decision.loss) == ("none", LOSS)
    assert decision.reason.startswith("not acted on, the day lies in the past: retraining does not help")


@pytest.mark.parametrize("seed", range(40))
def test_loss__never_ends_without_evidence_and_calls_a_person_at_most_once(seed: int) -> None:
    """Days of any kind in any order: what must hold of the decisions of each."""
    draw = random.Random(seed)
    decisions: list[Decision] = []
    days: list[DayMetrics] = []
    version, effective = 1, day_of(-30)
    for number in range(8, 48):
        kind = draw.choice((calm, lossy, lossy, blind))
        days.append(kind(number, model_version=version))
        decision = decide(days, State(effective_from=effective, past=tuple(decisions)), T)
        before = decisions[-1].loss if decisions else None
        if kind is blind:
            assert decision.loss == before
        if before and kind is not calm:
            assert decision.loss == before
        if decision.action == "train_now" and draw.random() < 0.5:
            decision = decision.model_copy(update={"verdict": "promoted"})
            version, effective = version + 1, day_of(number + 1)
        elif decision.action == "train_now":
            decision = decision.model_copy(update={"verdict": "refused"})
        decisions.append(decision)
    called = [one.loss.since for one in decisions if one.action == "escalate" and one.loss]
    assert len(called) == len(set(called))
    assert all(one.loss for one in decisions if one.action == "escalate")


def test_past_day__only_says_what_would_be_done() -> None:
    decision = decide([lossy(19), lossy(20)], after(acting=False), T)
    assert (decision.action, decision.alarm, decision.run_id, decision.train_as_of) == ("none", "labels", "", None)
    assert decision.reason.startswith("not acted on")


def test_later_decisions__are_not_known_on_the_day() -> None:
    state = after(past(21, "plan_challenger", "unlabelled", due_date=day_of(30)))
    assert decide([drifted(19), drifted(20)], state, T).action == "plan_challenger"


def test_day_without_evidence__neither_trains_nor_clears_the_alarm() -> None:
    decision = decide([lossy(18), lossy(19), blind(20)], STATE, T)
    assert (decision.action, decision.alarm) == ("none", "labels")
    assert "today brought no evidence: no labelled performance over 3 days" in decision.reason
    decision = decide([blind(19), blind(20)], STATE, T)
    assert (decision.action, decision.alarm) == ("none", "none")
    assert decision.reason.startswith("no evidence")


def test_days_of_another_champion__say_nothing_of_this_one() -> None:
    history = [drifted(18), drifted(19), calm(20, model_version=2)]
    assert decide(history, STATE, T).alarm == "none"


def test_labels_about_a_replaced_champion__alarm_but_train_nothing() -> None:
    history = [served(18, 1, 0.3), served(19, 1, 0.3), served(20, 1, 0.3)]
    decision = decide(history, STATE, T)
    assert (decision.action, decision.alarm, decision.model_version) == ("none", "labels", 2)
    assert "that is version 1, which was replaced" in decision.reason


def test_labels_about_the_new_champion__start_their_own_count() -> None:
    history = [served(17, 1, 0.3), served(18, 1, 0.3), served(19, 2, 0.3)]
    assert decide(history, STATE, T).alarm == "none"
    assert decide([*history, served(20, 2, 0.3)], STATE, T).action == "train_now"
    assert decide([*history, served(20, 2, 0.66)], STATE, T).alarm == "none"


def test_old_days__are_left_aside() -> None:
    history = [lossy(2), lossy(3), blind(20)]
    assert decide(history, STATE, T).alarm == "none"


def test_history__must_hold_each_day_once_in_order() -> None:
    with pytest.raises(ConfigurationError, match="got none"):
        decide([], STATE, T)
    with pytest.raises(ConfigurationError, match="2026-01-20 come after those of 2026-01-21"):
        decide([calm(20), calm(19)], STATE, T)


def test_row__has_the_columns_of_the_table_and_no_null() -> None:
    row = decide([drifted(19), drifted(20)], STATE, T).row()
    assert len(row) == len(TABLES["decisions"])
    assert all(value is not None for value in row)
    assert all(len(value) <= 1024 for value in row if isinstance(value, str))


def test_decision__survives_json() -> None:
    decision = decide([lossy(19), lossy(20)], STATE, T)
    assert Decision.model_validate_json(decision.model_dump_json()) == decision


def test_story__plan_refusal_label_alarm_promotion() -> None:
    """Drift on day 20: seen without labels at once, by labels from day 28 on, mended by the second challenger."""

    def metrics(number: int, version: int) -> DayMetrics:
        if version == 2 or number < 20:
            return calm(number, model_version=version)
        columns = drifted(number).columns
        return (lossy if number >= 28 else calm)(number, columns=columns)

    decisions: list[Decision] = []
    version, effective = 1, date(2025, 12, 1)
    days: list[DayMetrics] = []
    for number in range(14, 50):
        days.append(metrics(number, version))
        decision = decide(days, State(effective_from=effective, past=tuple(decisions)), T)
        if decision.action == "train_now":
            promoted = sum(one.action == "train_now" for one in decisions) == 1
            decision = decision.model_copy(update={"verdict": "promoted" if promoted else "refused"})
            if promoted:
                version, effective = 2, decision.decision_date + timedelta(days=1)
        decisions.append(decision)
    acted = [(one.decision_date, one.action, one.alarm) for one in decisions if one.action != "none"]
    assert acted == [
        (day_of(21), "plan_challenger", "unlabelled"),
        (day_of(29), "train_now", "labels"),
        (day_of(32), "train_now", "labels"),
    ]
