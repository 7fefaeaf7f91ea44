"""What becomes of a challenger, in a real registry: approved, refused, promoted by hand, rolled back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from fraud import layout
from fraud.errors import MissingInputError
from fraud.orchestration import verdicts
from fraud.orchestration.objects import Objects
from fraud.orchestration.registry import Package, champion_of, list_packages
from fraud.settings import Settings
from fraud.simulator.worlds import anchor, load_world
from local_jobs import unique

RUN = {"dag_id": "fraud_training", "run_id": "r"}
METRICS = {"auc_roc": 0.88, "average_precision": 0.66, "card_precision": 0.29, "expected_cost": 0.5}


class Deployment:
    """A deployment that has evaluated candidates, and who scores which day."""

    def __init__(self, stack: Any) -> None:
        self.settings = Settings(bucket=unique("verdicts"), model_package_group=unique("group"), world="tiny")
        self.client = stack.client("sagemaker")
        self.objects = Objects(self.settings.layout)
        self.objects.__dict__["client"] = stack.client("s3")
        self.objects.client.create_bucket(Bucket=self.settings.bucket)
        self.client.create_model_package_group(ModelPackageGroupName=self.settings.model_package_group)
        self.objects.write_text(layout.world(), anchor(load_world("tiny"), self.settings.first_day).to_json())

    def register(self, run: str, as_of: str, *, promote: bool = True, approval: bool = False) -> dict[str, Any]:
        """Register what a training run found to be the best."""
        folder = layout.training(run)
        self.objects.write_json(
            f"{folder}evaluation/evaluation.json",
            {
                "best": "xgboost_tuned",
                "candidates": {"xgboost_tuned": METRICS},
                "champion": None,
                "holdout_digest": "d",
                "verdict": {"promote": promote, "reason": f"{run} says so"},
            },
        )
        self.objects.write_json(
            f"{folder}request/request.json",
            {
                "champion_version": None,
                "artefacts": {"xgboost_tuned": self.settings.layout.uri(f"{folder}model.tar.gz")},
            },
        )
        self.objects.write_json(
            f"{folder}candidates.json", [{"name": "xgboost_tuned", "candidate": "xgboost", "image": "fraud:1"}]
        )
        training = {
            "run": run,
            "kind": "manual",
            "as_of": as_of,
            "start": "2025-11-01",
            "end": "2025-11-28",
            "approval": approval,
        }
        return verdicts.register_best(self.settings, self.objects, self.client, training, **RUN)

    def promote(self, version: int, effective_from: str, *, approval: bool = False, **changes: Any) -> Package:
        """Promote a version by hand."""
        promotion = {
            "run": changes.pop("run", "by-hand"),
            "version": version,
            "kind": "rollback",
            "instead_of": 2,
            "effective_from": effective_from,
            "user": "ann",
            "approval": approval,
        }
        return verdicts.register_copy(self.settings, self.objects, self.client, promotion | changes, **RUN)

    def conclude(self, run: str, answer: Any = None) -> dict[str, Any]:
        return verdicts.conclude(self.settings, self.objects, self.client, run, answer)

    def packages(self) -> list[Package]:
        return list_packages(self.client, self.settings)

    def champion(self, day: str) -> int:
        return champion_of(date.fromisoformat(day), self.packages()).version


@pytest.fixture
def deployment(local_aws):
    return Deployment(local_aws)


def answer(option: str, **changes: Any) -> dict[str, Any]:
    return {
        "chosen_options": [option],
        "responded_at": datetime(2026, 1, 20, 9, 30, tzinfo=UTC),
        "responded_by_user": {"id": "7", "name": "Ann O'Neill"},
        "timedout": False,
        **changes,
    }


def test_best__is_approved_or_rejected_by_the_rule(deployment) -> None:
    assert deployment.register("one", "2026-01-08")["promoted"]
    assert not deployment.register("two", "2026-01-15", promote=False)["promoted"]
    assert [package.approval for package in deployment.packages()] == ["Approved", "Rejected"]
    assert deployment.champion("2026-01-20") == 1
    assert deployment.packages()[0].image == "fraud:1"


def test_best__registered_twice_is_one_version(deployment) -> None:
    first = deployment.register("one", "2026-01-08")
    assert deployment.register("one", "2026-01-08")["model_version"] == first["model_version"]
    assert len(deployment.packages()) == 1


def test_approval__keeps_the_champion_until_a_person_says_yes(deployment) -> None:
    deployment.register("one", "2026-01-08")
    assert not deployment.register("two", "2026-01-15", approval=True)["promoted"]
    assert deployment.champion("2026-01-25") == 1
    verdicts.approve(deployment.settings, deployment.client, "two", answer("Approve"))
    decided = deployment.conclude("two", answer("Approve"))
    assert (decided["promoted"], decided["effective_from"]) == (True, "2026-01-20")
    assert decided["verdict"]["reason"] == "two says so; in the end: approved by Ann O_Neill"
    # Days before the answer were the old champion's, and stay so.
    assert [deployment.champion(day) for day in ("2026-01-19", "2026-01-20")] == [1, 2]
    assert deployment.packages()[1].metadata["approved_by"] == "Ann O_Neill"
    assert deployment.conclude("two", answer("Approve")) == decided


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (answer("Reject"), "refused by Ann O_Neill, the champion stays"),
        (answer("Reject", responded_by_user=None, timedout=True), "not approved in time, the champion stays"),
    ],
)
def test_approval__refused_or_forgotten_the_champion_stays(deployment, given, said) -> None:
    deployment.register("one", "2026-01-08")
    deployment.register("two", "2026-01-15", approval=True)
    decided = deployment.conclude("two", given)
    assert not decided["promoted"]
    assert decided["verdict"]["reason"].endswith(said)
    assert deployment.packages()[1].approval == "Rejected"
    assert deployment.champion("2026-01-25") == 1


def test_approval__without_an_answer_approves_nothing(deployment) -> None:
    deployment.register("one", "2026-01-08", approval=True)
    with pytest.raises(MissingInputError, match="nobody approved model version 1; clear approve_promotion"):
        verdicts.approve(deployment.settings, deployment.client, "one", None)
    assert deployment.packages()[0].approval == verdicts.PENDING


def test_question__shows_the_verdict_and_its_numbers(deployment) -> None:
    asked = verdicts.question(deployment.register("one", "2026-01-08", approval=True))
    assert asked["subject"] == "Model version 1 (xgboost_tuned): may it take over?"
    assert "one says so." in asked["body"]
    assert "| xgboost_tuned | 0.6600 | 0.8800 | 0.2900 | 0.5000 |" in asked["body"]


def test_rollback__is_a_new_version_of_the_old_model(deployment) -> None:
    deployment.register("one", "2026-01-08")
    deployment.register("two", "2026-01-15")
    before, copy = deployment.packages()[0], deployment.promote(1, "2026-01-22")
    assert (copy.version, copy.model_data, copy.image) == (3, before.model_data, before.image)
    assert copy.metadata["reference_uri"] == before.metadata["reference_uri"]
    assert {name: copy.metadata[name] for name in ("kind", "promoted_version", "rolled_back_from", "approved_by")} == {
        "kind": "rollback",
        "promoted_version": "1",
        "rolled_back_from": "2",
        "approved_by": "ann",
    }
    decided = deployment.conclude("by-hand")
    assert (decided["promoted"], decided["model_version"]) == (True, 3)
    assert decided["verdict"]["reason"] == (
        "version 1 is put back in place of version 2; of it was said: one says so; in the end: approved by ann"
    )
    assert [deployment.champion(day) for day in ("2026-01-10", "2026-01-21", "2026-01-22")] == [1, 2, 3]
    assert deployment.promote(1, "2026-01-22").version == 3
    assert len(deployment.packages()) == 3


def test_promotion__of_a_refused_version_waits_for_approval_where_it_is_asked_for(deployment) -> None:
    deployment.register("one", "2026-01-08")
    deployment.register("two", "2026-01-15", promote=False)
    copy = deployment.promote(2, "2026-01-18", approval=True, kind="manual", instead_of=1)
    assert copy.approval == verdicts.PENDING
    assert "rolled_back_from" not in copy.metadata
    assert deployment.champion("2026-01-22") == 1
    verdicts.approve(deployment.settings, deployment.client, "by-hand", answer("Approve"))
    assert deployment.conclude("by-hand", answer("Approve"))["promoted"]
    assert deployment.champion("2026-01-22") == 3


def test_verdict__is_one_row_of_the_run(deployment) -> None:
    decided = deployment.register("one", "2026-01-08")
    delete, copy = verdicts.load_verdict(deployment.settings, deployment.objects, decided)
    assert delete == "DELETE FROM fraud.verdicts WHERE run_id = 'one'"
    assert "training/one/verdict.csv" in copy
    row = deployment.objects.read_text("training/one/verdict.csv")
    assert row.startswith("one,2026-01-08,manual,xgboost_tuned,1,true,2026-01-08,0.88,0.66,0.29,one says so")
