"""Scores of the closed loop, on runs written by hand."""

import json
from dataclasses import replace

import pytest

from fraud.errors import DataError
from fraud.monitoring.decision import Decision, Seen
from fraud.monitoring.loop.bounds import Bound, bounds
from fraud.monitoring.loop.calm import levels, pool
from fraud.monitoring.loop.kinds import FIRST_SCORED, KINDS, episode_start
from fraud.monitoring.loop.loop import Day, Run, Training
from fraud.monitoring.loop.scores import WorldScore, score_world, summarise
from fraud.monitoring.loop.table import markdown, replace_block
from fraud.monitoring.signals import Evidence
from fraud.settings import DriftThresholds
from unit.monitoring.days import blind, calm, day_of, drifted, lossy

START = 100
DAYS = range(FIRST_SCORED, START + 60)
T = DriftThresholds()


def day(number: int, precision: float, alarms: tuple[str, ...] = (), action: str = "none", volume: float = 1.0) -> Day:
    clear = Evidence(measured=True)
    decision = Decision.model_validate(
        {"decision_date": day_of(number), "model_version": 1, "action": action, "alarm": "none", "reason": "x"}
    )
    metrics = calm(number, volume_ratio=volume)
    return Day(number, 1, precision, precision / 2, metrics, Seen(clear, clear, frozenset(alarms), 1), decision)


def runs(
    never: float = 0.4,
    repaired: int | None = 15,
    alarms: dict[int, tuple[str, ...]] | None = None,
    escalated: int | None = None,
    volume: float = 1.0,
) -> dict:
    """Return runs that lose precision on the drift's first day; the closed loop has it back after some days."""

    def closed(number: int) -> float:
        back = repaired is not None and number >= START + repaired - 1
        return 0.6 if number < START or back else never

    return {
        "never": Run([day(number, 0.6 if number < START else never) for number in DAYS]),
        "weekly": Run([day(number, 0.5) for number in DAYS]),
        "closed": Run(
            [
                day(
                    number,
                    closed(number),
                    (alarms or {}).get(number, ()),
                    "escalate" if number == escalated else "none",
                    volume if number >= START else 1.0,
                )
                for number in DAYS
            ],
            [Training(114, "alarm", True, "x", 0.1), Training(108, "scheduled", True, "x", -0.01)],
        ),
    }


def score(kind: str = "amounts", **changes: object) -> WorldScore:
    return score_world(KINDS[kind], 1, START, runs(**changes), T)  # type: ignore[arg-type]


def test_delays__count_the_drifted_days_that_had_to_be_seen() -> None:
    found = score(alarms={START + 1: ("unlabelled",), START + 8: ("labels", "unlabelled")}, escalated=START + 19)
    assert found.noticed == {"labels": 9, "unlabelled": 2, "volume": None}
    assert found.escalated == 20
    assert score(volume=1.5).noticed["volume"] == 1


def test_false_alarms__are_the_alarms_that_begin_on_calm_days() -> None:
    alarms = {80: ("labels",), 81: ("labels",), 90: ("labels", "unlabelled"), START + 5: ("labels",)}
    assert score(alarms=alarms).false_alarms == {"labels": 2, "unlabelled": 1}
    assert score("none", alarms=alarms).false_alarms == {"labels": 3, "unlabelled": 1}


def test_calm_days__say_how_far_they_go_towards_each_threshold() -> None:
    days = [
        calm(1),
        drifted(2, 0.3),
        calm(3, alert_rate_ratio=1.6),
        lossy(4, 0.33),
        calm(5, volume_ratio=0.7),
        blind(6),
    ]
    found = levels(days, T)
    assert found["feature_wasserstein"] == {"days": 5, "beyond": 1, "furthest": 0.3}
    assert found["night_jensenshannon"] == {"days": 4, "beyond": 0, "furthest": 0.01}
    assert found["alert_rate_high"] == {"days": 5, "beyond": 1, "furthest": 1.6}
    assert found["alert_rate_low"] == {"days": 5, "beyond": 0, "furthest": 1.05}
    assert found["ap_short_ratio"] == {"days": 5, "beyond": 1, "furthest": pytest.approx(0.5)}
    assert found["volume_low"] == {"days": 5, "beyond": 1, "furthest": 0.7}
    together = pool([levels(days[:2], T), levels([blind(1)], T), levels(days[2:], T)])
    assert together == found
    assert pool([levels([], T)])["ap_long_ratio"] == {"days": 0, "beyond": 0, "furthest": None}


def test_recovery__is_the_share_of_the_loss_that_is_back() -> None:
    assert score(repaired=15).recovered == pytest.approx({"closed": 1.0, "weekly": 0.5})
    assert score(repaired=None).recovered == pytest.approx({"closed": 0.0, "weekly": 0.5})
    # Fourteen days are looked at from day 25 on; from day 32 on half of them are repaired.
    assert score(repaired=32).recovered == pytest.approx({"closed": 0.5, "weekly": 0.5})
    assert score(never=0.59).recovered is None


def test_recovery__takes_until_a_weeks_mean_is_nearly_the_calm_one() -> None:
    assert score(repaired=15).days_to_recover == 15
    assert score(repaired=None).days_to_recover is None


def test_precision__is_the_mean_over_the_drifted_days() -> None:
    found = score(repaired=31)
    assert found.average_precision == pytest.approx({"calm": 0.6, "never": 0.4, "weekly": 0.5, "closed": 0.5})
    assert found.card_precision["closed"] == pytest.approx(0.25)


def test_challengers__are_counted_by_what_triggered_them_and_worse_ones_are_told() -> None:
    found = score()
    assert (found.tried, found.promoted) == ({"scheduled": 1, "alarm": 1}, {"scheduled": 1, "alarm": 1})
    assert found.promotions == [
        {"day": 15, "by": "alarm", "gain": 0.1},
        {"day": 9, "by": "scheduled", "gain": -0.01},
    ]
    assert summarise([found, found])["promoted_worse"] == 2


def test_challengers__without_a_label_of_a_drifted_day_are_counted_only_where_nothing_drifts() -> None:
    lived = runs()
    lived["closed"].trainings.append(Training(START + 7, "scheduled", True, "x", 0.1))
    assert score_world(KINDS["amounts"], 1, START, lived, T).promoted == {"scheduled": 1, "alarm": 1}
    assert score_world(KINDS["none"], 1, START, lived, T).promoted == {"scheduled": 2, "alarm": 1}


def test_score__can_be_made_again_from_what_is_kept_of_it() -> None:
    found = score(alarms={START + 3: ("labels",)})
    assert WorldScore(**json.loads(json.dumps(found.to_json()))) == found


def test_summary__pools_worlds() -> None:
    early, late = (score(alarms={START + offset: ("labels",)}) for offset in (3, 8))
    missed = score(alarms={80: ("labels",)})
    found = summarise([early, late, missed])
    assert found["noticed"]["labels"] == {"median": 9, "p90": None, "never": 1}
    assert found["missed"] == 1
    assert found["false_alarms_per_90_days"]["labels"] == pytest.approx(90 / (3 * (START - FIRST_SCORED)))
    assert found["closed_over_weekly"]["mean"] == pytest.approx(early.average_precision["closed"] / 0.5)
    assert found["promoted_worse"] == 3


def result(**kinds: list[WorldScore]) -> dict:
    return {
        "seeds": [1, 2],
        "settings": {"drift": T.model_dump()},
        "kinds": {
            name: {
                "nature": KINDS[name].nature,
                "summary": summarise(scores),
                "worlds": [one.to_json() for one in scores],
            }
            for name, scores in kinds.items()
        },
    }


def test_tables__have_a_row_a_kind() -> None:
    tables = markdown(result(amounts=[score()], none=[score("none")])).split("\n\n")[1:]
    for table in tables[:2]:
        lines = table.splitlines()
        assert [line.split("|")[1].strip() for line in lines] == ["kind", "---", "amounts", "none"]
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1


def held(**kinds: list[WorldScore]) -> dict[str, bool]:
    return {one.what: one.holds for one in bounds(result(**kinds))}


def test_bounds__hold_for_a_loop_that_notices_and_repairs() -> None:
    seen = score(alarms={START + 3: ("unlabelled",)}, repaired=10)
    found = bounds(result(amounts=[seen, seen], none=[score("none")]))
    assert [one.holds for one in found[:-1]] == [True] * (len(found) - 1)
    assert found[-1] == Bound("challengers promoted that were worse", "0", "3", False)


def test_bounds__break_for_a_loop_that_is_late_misses_or_does_not_repair() -> None:
    late = score(alarms={START + 4: ("unlabelled",), START + 10: ("labels",)}, repaired=None)
    found = held(amounts=[late, score(repaired=None), late])
    assert not found["amounts: days until noticed, median"]
    assert not found["amounts: worlds missed"]
    assert not found["amounts: share of the loss back after day 24, median"]
    assert not found["amounts: average precision over that of weekly training without a gate"]
    crying = dict.fromkeys(range(80, 130, 10), ("labels",))
    assert not held(none=[score("none", alarms=crying)])["none: false alarms (labels) in 90 days"]


def test_bounds__of_harmless_drift_want_a_notice_and_no_promotion() -> None:
    noticed, unnoticed = (score("volume", volume=volume) for volume in (1.5, 1.0))
    found = held(volume=[noticed, unnoticed])
    assert not found["volume: worlds in which nothing was noticed"]
    assert not found["volume: challengers promoted"]
    quiet = replace(noticed, promoted={"scheduled": 0, "alarm": 0})
    assert all(holds for what, holds in held(volume=[quiet]).items() if what.startswith("volume"))


def test_bounds__of_drift_beyond_repair_want_a_person_in_time() -> None:
    for escalated, holds in ((START + 34, True), (START + 35, False), (None, False)):
        found = held(terminal_attacks=[score("terminal_attacks", escalated=escalated)])
        assert found["terminal_attacks: worlds not escalated by day 35"] is holds


def test_page__has_its_tables_replaced_between_the_markers() -> None:
    page = "before\n<!-- evaluate-loop: begin -->\nold\n<!-- evaluate-loop: end -->\nafter\n"
    once = replace_block(page, "new")
    assert once == "before\n<!-- evaluate-loop: begin -->\n\nnew\n\n<!-- evaluate-loop: end -->\nafter\n"
    assert replace_block(once, "new") == once
    with pytest.raises(DataError, match=r"no place for the tables; add the lines <!-- evaluate-loop: begin -->"):
        replace_block("before", "new")


def test_episodes__begin_on_every_weekday() -> None:
    assert sorted((episode_start(seed) - FIRST_SCORED) % 7 for seed in range(7)) == list(range(7))
