"""The task groups that the DAGs share, each a function of the request that the run's first task has checked.

A group whose step was not asked for skips itself: its first task raises ``AirflowSkipException``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Asset, get_current_context, task, task_group
from airflow.sdk.exceptions import AirflowSkipException

from fraud import layout
from fraud.orchestration import deliveries, drift, page, plans, training
from fraud.orchestration.objects import Objects
from fraud.orchestration.operators import Operators, fail_fast
from fraud.orchestration.registry import packages_of
from fraud.orchestration.requests import step_days
from fraud.settings import Settings

__all__ = ["ASSETS", "Groups"]

ASSETS = {
    name: Asset(name=f"fraud_{name}", uri=f"fraud://{name}")
    for name in ("transactions", "features", "predictions", "drift_report", "champion")
}
"""What the DAGs publish for lineage."""


def _asked(request: Mapping[str, Any], step: str) -> None:
    if not request["days"].get(step):
        raise AirflowSkipException(f"step {step!r} was not asked for")


def _attempt() -> int:
    return int(get_current_context()["ti"].try_number)


def _run() -> dict[str, str]:
    context = get_current_context()
    return {"dag_id": context["dag"].dag_id, "run_id": context["run_id"]}


class Groups:
    """Builds the task groups of one deployment inside the DAG that is being defined."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.operators = Operators(settings)
        self.objects = Objects(settings.layout)

    def transactions(self, request: Any, *, wait: bool) -> Any:
        """Simulate the days' transactions and labels, or take what was delivered; check them, load them."""
        settings, objects, operators = self.settings, self.objects, self.operators

        @task(trigger_rule="none_failed")
        @fail_fast
        def plan_transactions(request: dict[str, Any]) -> dict[str, Any]:
            _asked(request, "transactions")
            return deliveries.plan_transactions(settings, objects, request, _attempt())

        @task(outlets=[ASSETS["transactions"]])
        @fail_fast
        def record_transactions(request: dict[str, Any]) -> list[str]:
            return deliveries.record_transactions(settings, objects, request)

        @task_group(group_id="transactions")
        def transactions() -> None:
            plan = plan_transactions(request)
            if settings.delivered and wait:
                operators.wait_for("wait_for_delivery", request["wait_delivery"]) >> plan
            record = record_transactions(request)
            name = "admit_transactions" if settings.delivered else "simulate_transactions"
            operators.process(name, plan) >> record
            operators.sql("load_transactions", record)

        return transactions()

    def features(self, request: Any, *, wait: bool) -> Any:
        """Compute the days' features from their look-back, check them, load them."""
        settings, objects, operators = self.settings, self.objects, self.operators

        @task(trigger_rule="none_failed")
        @fail_fast
        def plan_features(request: dict[str, Any]) -> dict[str, Any]:
            _asked(request, "features")
            return plans.plan_features(settings, objects, request, _attempt())

        @task(inlets=[ASSETS["transactions"]], outlets=[ASSETS["features"]])
        @fail_fast
        def record_features(request: dict[str, Any]) -> list[str]:
            return plans.record_features(settings, objects, request)

        @task_group(group_id="features")
        def features() -> None:
            plan = plan_features(request)
            if wait:
                operators.wait_for("wait_for_look_back", request["wait_features"]) >> plan
            record = record_features(request)
            operators.process("compute_features", plan) >> record
            operators.sql("load_features", record)

        return features()

    def scoring(self, request: Any, *, wait: bool) -> Any:
        """Score the days with the champion of each, alert the most suspicious cards, have them investigated."""
        settings, objects, operators = self.settings, self.objects, self.operators

        @task(trigger_rule="none_failed", inlets=[ASSETS["features"], ASSETS["champion"]])
        @fail_fast
        def choose_champion(request: dict[str, Any]) -> list[dict[str, Any]]:
            _asked(request, "scoring")
            return plans.choose_champions(settings, objects, packages_of(settings)[1], request, _attempt())

        @task
        @fail_fast
        def plan_collection(request: dict[str, Any], segments: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return plans.plan_collection(settings, objects, request, segments, _attempt())

        @task(outlets=[ASSETS["predictions"]])
        @fail_fast
        def record_scores(request: dict[str, Any]) -> list[str]:
            return plans.record_scores(settings, objects, request)

        @task
        @fail_fast
        def plan_investigation(request: dict[str, Any]) -> dict[str, Any]:
            return plans.plan_investigation(settings, objects, request, _attempt())

        @task
        @fail_fast
        def record_investigation(request: dict[str, Any]) -> list[str]:
            return plans.record_investigation(objects, request)

        @task_group(group_id="scoring")
        def scoring() -> None:
            segments = choose_champion(request)
            if wait:
                operators.wait_for("wait_for_drift_of_the_day_before", request["wait_scoring"]) >> segments
            transform = operators.transform_each(
                "transform", segments.map(_transform), "{{ task.config['Transform']['TransformJobName'] }}"
            )
            unload = operators.sql(
                "unload_compromised_cards", "{{ ti.xcom_pull('check_request')['unload']['compromised'] }}"
            )
            collection = plan_collection(request, segments)
            segments >> unload >> collection
            transform >> collection
            collect = operators.process_each(
                "collect_predictions", collection, "{{ task.config['ProcessingJobName'] }}"
            )
            record = record_scores(request)
            collect >> record
            load = operators.sql("load_scores", record)
            if settings.delivered:
                return  # what investigators find out is delivered as well
            investigation = plan_investigation(request)
            found = record_investigation(request)
            load >> investigation
            operators.process("investigate_alerts", investigation) >> found
            operators.sql("load_investigation", found)

        return scoring()

    def train(self, asked: Any) -> Any:
        """Train the candidates, compare them with the champion on held-out customers, register the best."""
        settings, objects, operators = self.settings, self.objects, self.operators

        @task(trigger_rule="none_failed")
        @fail_fast
        def plan_training_data(request: dict[str, Any]) -> list[str]:
            if not request["training"]:
                raise AirflowSkipException("step 'train' was not asked for")
            return training.unload_training(settings, objects, request["training"])

        @task
        @fail_fast
        def plan_candidates(request: dict[str, Any]) -> list[dict[str, Any]]:
            return training.plan_candidates(settings, request["training"], _attempt())

        @task
        @fail_fast
        def plan_evaluation(request: dict[str, Any], trained: list[dict[str, Any]]) -> dict[str, Any]:
            packages = packages_of(settings)[1]
            return training.plan_evaluation(settings, objects, packages, request["training"], list(trained), _attempt())

        @task(outlets=[ASSETS["champion"]])
        @fail_fast
        def register_best(request: dict[str, Any]) -> list[str]:
            client, _ = packages_of(settings)
            decided = training.register_best(settings, objects, client, request["training"], **_run())
            page.publish_models(objects, packages_of(settings)[1])
            return training.load_verdict(settings, objects, request["training"], decided)

        @task_group(group_id="train")
        def train() -> None:
            data = plan_training_data(asked)
            unload = operators.sql("unload_training_data", data)
            candidates = plan_candidates(asked)
            unload >> candidates
            trained = operators.train_each("train_candidate", candidates, "{{ task.config['TrainingJobName'] }}")
            evaluate = operators.process("evaluate_candidates", plan_evaluation(asked, trained.output))
            best = register_best(asked)
            evaluate >> best
            operators.sql("load_verdict", best)

        return train()

    def drift(self, request: Any, *, act: bool) -> Any:
        """Report the days' drift and labelled performance, decide, act on the decision, close the days."""
        settings, objects, operators = self.settings, self.objects, self.operators

        @task
        @fail_fast
        def plan_report(request: dict[str, Any]) -> dict[str, Any]:
            return drift.plan_report(settings, objects, packages_of(settings)[1], request, _attempt())

        @task(trigger_rule="none_failed")
        @fail_fast
        def start_drift(request: dict[str, Any]) -> list[str]:
            _asked(request, "drift")
            return [request["unload"]["labelled"], *page.unload_outcomes(settings, request)]

        @task.branch(outlets=[ASSETS["drift_report"]], inlets=[ASSETS["predictions"]])
        @fail_fast
        def decide(request: dict[str, Any]) -> list[str]:
            decisions = drift.decide_days(settings, objects, packages_of(settings)[1], request)
            ti = get_current_context()["ti"]
            ti.xcom_push("sql", drift.load_drift(objects, request))
            ti.xcom_push("training", decisions[-1])
            train = act and decisions[-1]["action"] == "train_now"
            return ["drift.load_drift", *(["drift.trigger_training"] if train else [])]

        @task(trigger_rule="none_failed")
        @fail_fast
        def close_days(request: dict[str, Any]) -> None:
            _asked(request, "drift")
            decisions = {str(day): objects.read_json(layout.decision(day)) for day in step_days(request, "drift")}
            page.publish(settings, objects, packages_of(settings)[1], request, decisions, **_run())
            drift.close_days(settings, objects, request)

        @task_group(group_id="drift")
        def drift_group() -> None:
            unload = operators.sql("unload_labels", start_drift(request))
            plan = plan_report(request)
            unload >> plan
            report = operators.process("report_drift", plan)
            decision = decide(request)
            report >> decision
            load = operators.sql("load_drift", decision["sql"])
            close = close_days(request)
            decision >> load >> close
            if act:
                trigger = TriggerDagRunOperator(
                    task_id="trigger_training",
                    trigger_dag_id="fraud_training",
                    trigger_run_id="drift__{{ ti.xcom_pull('drift.decide', key='training')['decision_date'] }}",
                    logical_date=None,
                    conf={
                        "kind": "alarm",
                        "as_of": "{{ ti.xcom_pull('drift.decide', key='training')['train_as_of'] }}",
                    },
                    wait_for_completion=True,
                    deferrable=True,
                    poke_interval=settings.poll_seconds,
                    skip_when_already_exists=True,
                )
                decision >> trigger >> close

        return drift_group()


def _transform(segment: dict[str, Any]) -> dict[str, Any]:
    return dict(segment["transform"])
