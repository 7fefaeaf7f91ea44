"""The published evaluation: what `docs/monitoring.md` shows is what was measured, and it can be measured again."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fraud.cli import app
from fraud.errors import ConfigurationError
from fraud.monitoring.loop import evaluate as evaluation
from fraud.monitoring.loop.calm import pool
from fraud.monitoring.loop.kinds import DEFAULT_KINDS
from fraud.monitoring.loop.scores import summarise
from fraud.monitoring.loop.table import markdown, replace_block
from fraud.settings import DriftThresholds, Settings

ROOT = Path(__file__).parents[4]
PAGE = ROOT / "docs" / "monitoring.md"
PUBLISHED = ROOT / "docs" / "evaluation"


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((PUBLISHED / "evaluation.json").read_text("utf-8"))
    return content


def test_page__shows_the_published_evaluation_and_its_plots(published: dict[str, Any]) -> None:
    page = PAGE.read_text("utf-8")
    assert replace_block(page, markdown(published)) == page
    shown = re.findall(r"!\[[^\]]*\]\((evaluation/[^)]+)\)", page)
    assert shown
    assert all((PAGE.parent / name).exists() for name in shown)


def test_published__is_of_the_shipped_thresholds_on_seeds_kept_for_it(published: dict[str, Any]) -> None:
    assert published["settings"] == evaluation._conditions(Settings())["settings"]
    assert min(published["seeds"]) >= 9001
    assert set(published["kinds"]) >= {*DEFAULT_KINDS, "takeover", "amounts_gradual"}
    for one in published["kinds"].values():
        assert [world["seed"] for world in one["worlds"]] == published["seeds"]


def test_published__summaries_are_those_of_its_worlds(published: dict[str, Any]) -> None:
    for one in published["kinds"].values():
        scores = [evaluation.WorldScore(**world) for world in one["worlds"]]
        again = json.loads(json.dumps(summarise(scores)))
        assert flat(again) == pytest.approx(flat(one["summary"]), abs=1e-4)


def test_settings__say_of_each_threshold_how_often_calm_days_cross_it(published: dict[str, Any]) -> None:
    levels = pool([world["calm"] for world in published["kinds"]["none"]["worlds"]])
    for name, level in levels.items():
        said = DriftThresholds.model_fields[name].description
        assert said is not None
        assert f"{level['beyond']} of {level['days']} calm days" in said
        assert f"{level['furthest']:.3f}" in said


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_quick__finds_again_what_was_published_of_its_seed(published: dict[str, Any], tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["evaluate-loop", "--quick", "--out", str(tmp_path)], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    found = json.loads((tmp_path / "evaluation.json").read_text("utf-8"))
    assert tuple(sorted(found["kinds"])) == tuple(sorted(DEFAULT_KINDS))
    assert {path.name for path in tmp_path.iterdir()} == {
        "evaluation.json",
        *(f"loop-{name}.png" for name in DEFAULT_KINDS),
    }
    for name, one in found["kinds"].items():
        (world,) = one["worlds"]
        (expected,) = (other for other in published["kinds"][name]["worlds"] if other["seed"] == world["seed"])
        # Other processors may round otherwise; a promotion that hangs on that moves the mean by less than this.
        assert world["average_precision"] == pytest.approx(expected["average_precision"], abs=0.02)
        assert one["summary"]["worlds"] == 1
        assert f"| {name} |" in answer.output
    summaries = {name: one["summary"] for name, one in found["kinds"].items()}
    assert summaries["volume"]["noticed"]["volume"]["median"] == 1
    assert summaries["amounts"]["noticed"]["unlabelled"]["median"] <= 4
    for name in ("amounts", "card_testing"):
        assert summaries[name]["missed"] == 0
        precision = summaries[name]["average_precision"]
        assert precision["never"] < 0.9 * precision["calm"]
        assert precision["closed"] > 1.1 * precision["never"]
    attacked = summaries["terminal_attacks"]["average_precision"]
    assert max(attacked["weekly"], attacked["closed"]) < 0.7 * attacked["calm"]


def test_evaluation__goes_on_where_it_was_stopped(
    published: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score = evaluation.WorldScore(**published["kinds"]["volume"]["worlds"][0])
    lived: list[str] = []

    def live(name: str, *_: object) -> evaluation.WorldScore:
        lived.append(name)
        return score

    monkeypatch.setattr(evaluation, "score_one", live)
    task = evaluation._Task(1, ("none", "volume"), Settings(), tmp_path, None)
    assert [one for one, _ in evaluation._on_one_core(task)] == [score, score]
    (tmp_path / "none-1.json").unlink()
    assert [said for _, said in evaluation._on_one_core(task)][1] == "kept"
    assert lived == ["none", "volume", "none"]
    changed = Settings.model_validate({"drift": {"min_frauds": 7}})
    evaluation._on_one_core(task._replace(settings=changed))
    assert lived[3:] == ["none", "volume"]


@pytest.mark.parametrize("seeds", ["9001", "5:4", "a:b", "1:2:3"])
def test_seeds__that_are_no_range_are_refused(seeds: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"expected FIRST:LAST with the lower one first, as in 9001:9010"):
        CliRunner().invoke(app, ["evaluate-loop", "--out", str(tmp_path), "--seeds", seeds], catch_exceptions=False)


def flat(content: Any, name: str = "") -> dict[str, Any]:
    """Return nested values by their path."""
    if isinstance(content, dict):
        return {path: value for key, one in content.items() for path, value in flat(one, f"{name}/{key}").items()}
    return {name: content}
