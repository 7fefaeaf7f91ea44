"""Scores of the closed loop, on runs written by hand."""

import pytest

from fraud.monitoring.decision import Decision, Seen
from fraud.monitoring.loop.kinds import FIRST_SCORED, KINDS, episode_start
from fraud.monitoring.loop.loop import Day, Run, Training
from fraud.monitoring.loop.scores import WorldScore, score_world, summarise
from fraud.monitoring.loop.table import markdown
from fraud.monitoring.signals import Evidence
from fraud.settings import DriftThresholds
from unit.monitoring.days import calm, day_of

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
            [Training(114, "alarm", True, "x", 0.1), Training(107, "scheduled", True, "x", -0.01)],
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


def test_recovery__is_the_share_of_the_loss_that_is_back() -> None:
    assert score(repaired=15).recovered == pytest.approx(1.0)
    assert score(repaired=None).recovered == pytest.approx(0.0)
    # Fourteen days are looked at from day 25 on; from day 32 on half of them are repaired.
    assert score(repaired=32).recovered == pytest.approx(0.5)
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
    assert found.worse == 1


def test_summary__pools_worlds() -> None:
    early, late = (score(alarms={START + offset: ("labels",)}) for offset in (3, 8))
    missed = score(alarms={80: ("labels",)})
    found = summarise([early, late, missed])
    assert found["noticed"]["labels"] == {"median": 9, "p90": None, "never": 1}
    assert found["missed"] == 1
    assert found["false_alarms_per_90_days"]["labels"] == pytest.approx(90 / (3 * (START - FIRST_SCORED)))
    assert found["closed_over_weekly"]["mean"] == pytest.approx(early.average_precision["closed"] / 0.5)
    assert found["promoted_worse"] == 3


def test_table__has_a_row_a_kind() -> None:
    summaries = {"amounts": [score()], "none": [score("none")]}
    lines = markdown({"kinds": {name: {"summary": summarise(one)} for name, one in summaries.items()}}).splitlines()
    assert [line.split("|")[1].strip() for line in lines] == ["kind", "---", "amounts", "none"]
    assert len({line.count("|") for line in lines}) == 1


def test_episodes__begin_on_every_weekday() -> None:
    assert sorted((episode_start(seed) - FIRST_SCORED) % 7 for seed in range(7)) == list(range(7))
