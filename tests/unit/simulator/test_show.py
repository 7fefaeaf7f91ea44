"""A world drawn: the figures are those of the days, the picture is one, and a wrong name is refused."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from typer.testing import CliRunner

from fraud.cli import app
from fraud.errors import ConfigurationError
from fraud.simulator.show import daily_figures, draw_world
from fraud.simulator.simulation import simulate
from fraud.simulator.worlds import load_world, named_worlds, read_world

TINY = load_world("tiny")


def test_daily_figures__count_every_verdict_and_rank_the_amounts() -> None:
    figures = daily_figures(TINY, [74, 75])
    for row, day in enumerate((74, 75)):
        result = simulate(TINY, day)
        assert figures.verdicts[row].tolist() == [(result.verdict == verdict).sum() for verdict in range(5)]
        assert figures.amounts[row, 1] == pytest.approx(np.median(result.cents) / 100)
    assert (figures.amounts[:, 0] < figures.amounts[:, 1]).all()
    assert (figures.amounts[:, 1] < figures.amounts[:, 2]).all()


def test_draw_world__writes_an_svg_with_scenarios_episodes_and_totals(tmp_path: Path) -> None:
    out = tmp_path / "pictures" / "tiny.svg"
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        draw_world(TINY, out, days=90)
    text = out.read_text()
    for words in (
        "card_testing",
        "compromised_terminal",
        "scenario stops high_amount",
        "400 customers",
        "frauds a day",
    ):
        assert words in text
    assert [file.name for file in out.parent.iterdir()] == ["tiny.svg"]


def test_show__draws_a_png(tmp_path: Path) -> None:
    out = tmp_path / "tiny.png"
    result = CliRunner().invoke(
        app, ["world", "show", "tiny", "--days", "5", "--out", str(out)], catch_exceptions=False
    )
    assert result.output.strip() == str(out)
    assert out.read_bytes().startswith(b"\x89PNG")


def test_draw_world__refuses_another_kind_of_picture_and_no_days(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"tiny\.gif: unknown kind of picture '\.gif'; end the name with \.png"
    ):
        draw_world(TINY, tmp_path / "tiny.gif")
    with pytest.raises(ConfigurationError, match="days: 0: nothing to draw"):
        draw_world(TINY, tmp_path / "tiny.png", days=0)
    assert list(tmp_path.iterdir()) == []


def test_list__names_every_world() -> None:
    output = CliRunner().invoke(app, ["world", "list"], catch_exceptions=False).output
    assert [line.split()[0] for line in output.splitlines()] == sorted(named_worlds())


def test_anchor__writes_the_world_that_the_job_reads(tmp_path: Path) -> None:
    out = tmp_path / "world.json"
    arguments = ["world", "anchor", "tiny", "--first-day", "2026-03-01", "--out", str(out)]
    CliRunner().invoke(app, arguments, catch_exceptions=False)
    world = read_world(out)
    assert str(world.date_of(world.daily_from)) == "2026-03-01"
    with pytest.raises(ConfigurationError, match=r"--first-day: .*write it as YYYY-MM-DD"):
        CliRunner().invoke(app, [*arguments[:4], "1.3.2026"], catch_exceptions=False)
