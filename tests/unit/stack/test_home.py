"""The stack's folder: what is kept, who may read it, what a restart finds."""

import json
from datetime import date
from pathlib import Path

import pytest

from fraud.errors import ConfigurationError
from local_aws.stack.home import USERS, Deployment, Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "state")
    home.prepare()
    return home


def test_home__secrets_are_drawn_once_and_for_the_owner_alone(home: Home) -> None:
    passwords, keys = home.user_passwords(), home.secrets()
    assert (home.user_passwords(), home.secrets()) == (passwords, keys)
    assert set(passwords) == set(USERS)
    assert min(map(len, passwords.values())) >= 16
    assert len(keys["jwt_secret"]) >= 64
    for name in ("passwords.json", "secrets.json"):
        assert (home.state / name).stat().st_mode & 0o777 == 0o600
    assert home.state.stat().st_mode & 0o777 == 0o700


def test_home__users_are_not_all_administrators() -> None:
    assert sorted(USERS.values()) == ["admin", "viewer"]


def test_home__two_folders_have_different_passwords(tmp_path: Path, home: Home) -> None:
    other = Home(tmp_path / "other")
    other.prepare()
    assert set(other.user_passwords().values()).isdisjoint(home.user_passwords().values())


def test_home__deployment_comes_back_as_it_was(home: Home) -> None:
    assert home.deployment is None
    deployment = Deployment("demo", date(2026, 3, 1), demo_days=5, demo_finished=True)
    home.record(deployment)
    assert Home(home.state).deployment == deployment


@pytest.mark.parametrize(
    "text", ["", "{}", '{"world": "demo", "first_day": "soon"}', '{"first_day": "2026-01-01", "x": 1}']
)
def test_home__an_edited_deployment_is_refused_with_the_file(home: Home, text: str) -> None:
    (home.state / "deployment.json").write_text(text)
    with pytest.raises(ConfigurationError, match=r"deployment\.json is not what fraud-local wrote"):
        _ = home.deployment


def test_home__wipe_keeps_passwords_only(home: Home) -> None:
    passwords = home.user_passwords()
    home.record(Deployment("demo", date(2026, 3, 1)))
    (home.aws / "object").write_text("x")
    home.wipe()
    assert home.deployment is None
    assert not home.aws.exists()
    assert json.loads((home.state / "passwords.json").read_text()) == passwords
