"""Worlds: read with errors that say where, moved in time, written and read back, told apart."""

from datetime import date

import pytest

from fraud.errors import ConfigurationError, ConflictError, MissingInputError
from fraud.simulator.worlds import World, anchor, drift_from, load_world, named_worlds, read_world

TOWN = """
seed: 3
customers: 50
terminals: 80
radius: 30
scenarios:
  - kind: high_amount
  - kind: compromised_card
  - kind: card_testing
    intensity: 0
"""


def town(tmp_path, text: str) -> World:
    path = tmp_path / "town.yaml"
    path.write_text(TOWN + text)
    return load_world(path)


@pytest.mark.parametrize("name", sorted(named_worlds()))
def test_named_world__loads_and_describes_itself(name: str) -> None:
    world = load_world(name)
    assert world.name == name
    assert world.description
    assert all(episode.start < world.days for episode in world.episodes)


def test_named_worlds__there_is_one_for_each_kind_of_drift() -> None:
    from typing import get_args

    from fraud.simulator.episodes import AnyEpisode

    kinds = {get_args(member.model_fields["kind"].annotation)[0] for member in get_args(get_args(AnyEpisode)[0])}
    shown = {episode.kind for name in named_worlds() for episode in load_world(name).episodes}
    assert kinds == shown


def test_world__name_comes_from_the_file_and_scenarios_are_named_after_their_kind(tmp_path) -> None:
    world = town(tmp_path, "")
    assert world.name == "town"
    assert [scenario.name for scenario in world.scenarios] == ["high_amount", "compromised_card", "card_testing"]


REFUSED = {
    "radius: -1": "line 11: radius: given twice (first in line 5)",
    "labels:\n  delay_days: -7": "line 12: labels.delay_days: Input should be greater than or equal to 0 (got -7)",
    "labels:\n  missed_share: .nan": "line 12: labels.missed_share: Input should be a finite number",
    "spending:\n  deviation: .inf": "line 12: spending.deviation: Input should be a finite number",
    "spending:\n  mean_amount: [100, 5]": "line 12: spending.mean_amount: expected 0 <= low <= high",
    "days: yes": "line 11: days: Input should be a valid integer",
    "days: 3.5": "line 11: days: Input should be a valid integer",
    "colour: red": "line 11: colour: Extra inputs are not permitted",
    "history: {train_as_of: 9, daily_from: 9}": "line 11: history.daily_from: must be after train_as_of, 9",
    "episodes:\n  - kind: amount_inflation\n    start: 5\n    factor: 0": "line 14: episodes.0.factor: Input should be",
    "episodes:\n  - kind: amount_inflation\n    start: 5\n    factor: 2\n    colour: 1": "episodes.0.colour: Extra",
    "episodes:\n  - kind: amount_inflation\n    factor: 2": "episodes.0.start: Field required",
    "episodes:\n  - kind: flood\n    start: 5": "line 12: episodes.0: Input tag 'flood' found using 'kind' does not",
    "episodes:\n  - {kind: fraud_rate, factor: 2, start: 9, end: 9}": "line 12: episodes.0: end 9 is not after start 9",
    "episodes:\n  - {kind: turnover, of: customers, share: 1, start: 1, end: 9}": "episodes.0: end: who has left does",
    "episodes:\n  - {kind: volume_growth, factor: 2, start: 9}\n  - {kind: volume_growth, factor: 3, start: 20}": (
        "line 13: episodes.1.start: overlaps episode 0, which is volume_growth too"
    ),
    "episodes:\n  - {kind: scenario_stops, scenario: skimming, start: 9}": (
        "line 12: episodes.0.scenario: unknown scenario 'skimming'; the world has card_testing, compromised_card,"
    ),
    "episodes:\n  - {kind: scenario_starts, scenario: high_amount, start: 9}": (
        "episodes.0.scenario: high_amount is there already"
    ),
    "episodes:\n  - {kind: scenario_changes, scenario: compromised_card, start: 9, to: {speed: 2}}": (
        "episodes.0.to.speed: unknown parameter of compromised_card; it has days, intensity, multiplier, per_day, share"
    ),
    "episodes:\n  - {kind: scenario_changes, scenario: compromised_card, start: 9, to: {share: 2}}": (
        "episodes.0.to.share: Input should be less than or equal to 1"
    ),
    "- days: 3": "line 11: not YAML",
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.items())
def test_load_world__refuses_with_file_line_field_and_reason(tmp_path, text: str, reason: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        town(tmp_path, text)
    assert "town.yaml: " in str(refused.value)
    assert reason in str(refused.value)


def test_load_world__refuses_an_unknown_scenario_and_a_second_one_of_the_same_name(tmp_path) -> None:
    path = tmp_path / "town.yaml"
    path.write_text(TOWN.replace("kind: high_amount", "kind: skimming"))
    with pytest.raises(ConfigurationError, match=r"line 7: scenarios\.0: Input tag 'skimming'.*'account_takeover'"):
        load_world(path)
    path.write_text(TOWN.replace("kind: high_amount", "kind: compromised_card"))
    with pytest.raises(
        ConfigurationError, match=r"line 8: scenarios\.1\.name: a second scenario named 'compromised_card'"
    ):
        load_world(path)
    path.write_text(TOWN.replace("kind: high_amount", "kind: high_amount\n    threshold: -1"))
    with pytest.raises(
        ConfigurationError, match=r"line 8: scenarios\.0\.threshold: Input should be greater than 0 \(got -1\)"
    ):
        load_world(path)


def test_load_world__refuses_a_name_that_is_neither_world_nor_file() -> None:
    with pytest.raises(ConfigurationError, match=r"'atlantis': neither a file nor one of .*demo.*; name one of them"):
        load_world("atlantis")


def test_load_world__refuses_more_people_than_ids_can_tell_apart(tmp_path) -> None:
    turnovers = "".join(f"  - {{kind: turnover, of: customers, share: 1, start: {n}}}\n" for n in (1,))
    with pytest.raises(
        ConfigurationError, match=r"customers: with its turnover episodes the world has more than 8,388,608"
    ):
        town(tmp_path, "episodes:\n" + turnovers).changed(customers=5_000_000)


def test_episodes__of_one_kind_may_follow_each_other_and_act_on_different_things(tmp_path) -> None:
    world = town(
        tmp_path,
        "episodes:\n"
        "  - {kind: volume_growth, factor: 2, start: 9, end: 20}\n"
        "  - {kind: volume_growth, factor: 3, start: 20}\n"
        "  - {kind: scenario_stops, scenario: high_amount, start: 9}\n"
        "  - {kind: scenario_stops, scenario: compromised_card, start: 9}\n",
    )
    assert len(world.episodes) == 4


def test_anchor__puts_the_first_daily_day_on_the_date_and_changes_nothing_else() -> None:
    world = load_world("demo")
    anchored = anchor(world, date(2028, 2, 29))
    assert anchored.date_of(anchored.daily_from) == date(2028, 2, 29)
    assert anchored.day_index(date(2028, 3, 1)) == world.daily_from + 1
    assert anchored.changed(start=world.start) == world


def test_world_json__reads_back_as_the_same_world(tmp_path) -> None:
    world = anchor(load_world("label_delay"), date(2026, 5, 1))
    path = tmp_path / "world.json"
    path.write_text(world.to_json())
    assert read_world(path) == world
    assert read_world(path).content_hash == world.content_hash


def test_world_json__refuses_content_that_its_hash_does_not_fit(tmp_path) -> None:
    path = tmp_path / "world.json"
    path.write_text(load_world("tiny").to_json().replace('"radius": 18.0', '"radius": 19.0'))
    with pytest.raises(ConflictError, match=r"world\.json: content_hash: .* anchor the world again"):
        read_world(path)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"customers": 3}'])
def test_world_json__refuses_what_is_no_world(tmp_path, text: str) -> None:
    path = tmp_path / "world.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"world\.json: "):
        read_world(path)


def test_read_world__says_what_to_do_when_there_is_none(tmp_path) -> None:
    with pytest.raises(MissingInputError, match=r"world\.json: no world here; bootstrap the environment first"):
        read_world(tmp_path / "world.json")


def test_content_hash__is_of_the_content_not_of_the_name() -> None:
    world = load_world("tiny")
    assert world.changed(name="other", description="").content_hash == world.content_hash
    different = [world.changed(**change) for change in ({"seed": 12}, {"start": date(2020, 1, 1)}, {"episodes": ()})]
    assert len({world.content_hash, *(other.content_hash for other in different)}) == 4


def test_content_hash__stays_what_it_was() -> None:
    """Stored with every day of data: a change makes every environment's past another world's."""
    expected = "73ec28c5435bc7d3afac64c45bd613bfcee3e867b02268231a9b8f79db998626"
    assert load_world("tiny").content_hash == expected


def test_refuse_other__names_both_worlds() -> None:
    world = load_world("tiny")
    world.refuse_other(world.content_hash, "here")
    with pytest.raises(
        ConflictError, match=r"manifests/x\.json: holds days of the world abc…, not of tiny .*another prefix"
    ):
        world.refuse_other("abc", "manifests/x.json")


def test_day_index__refuses_a_day_before_the_world() -> None:
    world = load_world("handbook")
    assert world.day_index(date(2018, 4, 1)) == 0
    with pytest.raises(MissingInputError, match=r"day 2018-03-31: world handbook begins on 2018-04-01"):
        world.day_index(date(2018, 3, 31))
    with pytest.raises(MissingInputError):
        world.day_index(-1)


def test_changed__refuses_what_is_no_world_and_names_the_field() -> None:
    with pytest.raises(ConfigurationError, match="world tiny: terminals: Input should be greater than or equal to 1"):
        load_world("tiny").changed(terminals=0)


def test_drift_from__moves_every_episode_alike() -> None:
    world = drift_from(load_world("turnover"), 20)
    assert [episode.start for episode in world.episodes] == [20, 20]
    assert drift_from(load_world("handbook"), 20) == load_world("handbook")
