from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fraud.errors import ConfigurationError
from fraud.features.aggregates import AGGREGATIONS
from fraud.features.catalogue import LOOK_BACK_DAYS, VERSIONS, feature_names, features_ddl, features_table
from fraud.features.streams import STREAMS
from fraud.warehouse import create_schema
from fraud.warehouse import features_table as features_of

ROOT = Path(__file__).parents[3]


def test_v1__is_the_amount_and_the_handbooks_fourteen_in_its_order() -> None:
    names = ["tx_amount", "tx_during_weekend", "tx_during_night"]
    for days in (1, 7, 30):
        names += [f"customer_id_nb_tx_{days}day_window", f"customer_id_avg_amount_{days}day_window"]
    for days in (1, 7, 30):
        names += [f"terminal_id_nb_tx_{days}day_window", f"terminal_id_risk_{days}day_window"]
    assert feature_names("v1") == tuple(names)


def test_v2__is_v1_and_four_more() -> None:
    assert feature_names("v2")[: len(feature_names("v1"))] == feature_names("v1")
    assert len(set(feature_names("v2"))) == len(feature_names("v1")) + 4


def test_look_back__is_the_longest_window_and_its_delay() -> None:
    assert LOOK_BACK_DAYS == 37


def test_versions__name_only_aggregations_and_streams_that_exist() -> None:
    assert {feature.aggregation for version in VERSIONS.values() for feature in version} == set(AGGREGATIONS)
    assert {value for _, needed in AGGREGATIONS.values() for value in needed} == set(STREAMS)


def test_feature_names__refuses_an_unknown_version() -> None:
    with pytest.raises(ConfigurationError, match="feature version 'v0' does not exist; choose from v1, v2"):
        feature_names("v0")


def test_ddl__is_what_the_warehouse_creates() -> None:
    for version in VERSIONS:
        table = f"CREATE TABLE IF NOT EXISTS fraud.{features_of(version)} ("
        (created,) = [statement for statement in create_schema() if table in statement]
        assert created.partition("(\n")[2].partition("\n)")[0].split() == features_ddl(version).split()


def test_documentation__has_the_current_table() -> None:
    assert features_table() in (ROOT / "docs/features.md").read_text()


def test_catalogue__needs_the_standard_library_only() -> None:
    """Airflow workers import it, and have no numpy: without site-packages it loads all the same."""
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'include')!r}); import fraud.features.catalogue"
    subprocess.run([sys.executable, "-S", "-c", code], check=True)
