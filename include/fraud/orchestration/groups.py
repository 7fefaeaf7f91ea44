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
from fraud.orchestration import (
    deliveries,
    drift,
    metrics,
    notes,
    notifications,
    page,
    plans,
    training,
    tuning,
    verdicts,
)
from fraud.orchestration.objects import Objects
from fraud.orchestration.operators import Operators, fail_fast
from fraud.orchestration.registry import packages_of
from fraud.orchestration.requests import run_folder, step_days
from fraud.settings import Settings

__all__ = ["ASSETS", "Groups", "attempt", "this_run"]

ASSETS = {
    name: Asset(name=title, uri=f"fraud://{name}", group="fraud")
    for name, title in {
        "transactions": "Delivered transactions and labels",
        "features": "Features",
        "predictions": "Scores and alerts",
        "drift_report": "Drift reports and decisions",
        "champion": "Champion model",
    }.items()
}
"""What the DAGs publish for lineage, under the names that the asset graph shows."""


def _asked(request: Mapping[str, Any], step: str) -> None:
    if not request["days"].get(step):
        raise AirflowSkipException(f"step {step!r} was not asked for")


def attempt() -> int:
    """Return the number of this try of the running task."""
    return int(get_current_context()["ti"].try_number)


def this_run() -> dict[str, str]:
    """Return the ids of the running DAG and run."""
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
            """Plan the job that delivers the days, simulated or as they arrived."""
            _asked(request, "transactions")
            return deliveries.plan_transactions(settings, objects, request, attempt())

        @task(outlets=[ASSETS["transactions"]])
        @fail_fast
        def record_transactions(request: dict[str, Any]) -> list[str]:
            """Check what was delivered and write the days' manifests; return the SQL that loads them."""
            statements = deliveries.record_transactions(settings, objects, request)
            notes.say(notes.step(objects, request, "transactions"))
            return statements

        @task_group(group_id="transactions")
        def transactions() -> None:
            """Deliver the days' transactions and labels, check them, load them."""
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
            """Plan the job that computes the days' features from their look-back."""
            _asked(request, "features")
            return plans.plan_features(settings, objects, request, attempt())

        @task(inlets=[ASSETS["transactions"]], outlets=[ASSETS["features"]])
        @fail_fast
        def record_features(request: dict[str, Any]) -> list[str]:
            """Check the features and write the days' manifests; return the SQL that loads them."""
            statements = plans.record_features(settings, objects, request)
            notes.say(notes.step(objects, request, "features"))
            return statements

        @task_group(group_id="features")
        def features() -> None:
            """Compute the days' features from their look-back, check them, load them."""
            plan = plan_features(request)
            if wait:
                operators.wait_for("wait_for_look_back", request["wait_features"]) >> plan
            record = record_features(request)
            run = operators.spark if settings.feature_engine == "emr" else operators.process
            run("compute_features", plan) >> record
            operators.sql("load_features", record)

        return features()

    def scoring(self, request: Any, *, wait: bool) -> Any:
        """Score the days with the champion of each, alert the most suspicious cards, have them investigated."""
        settings, objects, operators = self.settings, self.objects, self.operators

        @task(trigger_rule="none_failed", inlets=[ASSETS["features"], ASSETS["champion"]])
        @fail_fast
        def choose_champion(request: dict[str, Any]) -> list[dict[str, Any]]:
            """Choose which approved model version scores each day, and plan the transforms."""
            _asked(request, "scoring")
            return plans.choose_champions(settings, objects, packages_of(settings)[1], request, attempt())

        @task
        @fail_fast
        def plan_collection(request: dict[str, Any], segments: list[dict[str, Any]]) -> list[dict[str, Any]]:
            """Plan the jobs that turn the transforms' outputs into scores, alerts and reasons."""
            return plans.plan_collection(settings, objects, request, segments, attempt())

        @task(outlets=[ASSETS["predictions"]])
        @fail_fast
        def record_scores(request: dict[str, Any]) -> list[str]:
            """Check scores and alerts and write the days' manifests; return the SQL that loads them."""
            statements = plans.record_scores(settings, objects, request)
            notes.say(notes.step(objects, request, "scoring"))
            return statements

        @task
        @fail_fast
        def plan_investigation(request: dict[str, Any]) -> dict[str, Any]:
            """Plan the job that plays the investigators of the alerted cards."""
            return plans.plan_investigation(settings, objects, request, attempt())

        @task
        @fail_fast
        def record_investigation(request: dict[str, Any]) -> list[str]:
            """Check what the investigators found; return the SQL that loads their labels."""
            return plans.record_investigation(objects, request)

        @task_group(group_id="scoring")
        def scoring() -> None:
            """Score the days with the champion of each, alert the most suspicious cards, have them investigated."""
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
            """Return the SQL that unloads what is trained on, tuned on, and compared on."""
            if not request["training"]:
                raise AirflowSkipException("step 'train' was not asked for")
            return training.unload_training(settings, objects, request["training"])

        @task
        @fail_fast
        def plan_tuning(request: dict[str, Any]) -> list[dict[str, Any]]:
            """Plan a hyperparameter tuning job for each candidate that is to be tuned; usually none."""
            return tuning.plan_tuning(settings, request["training"], attempt())

        @task(trigger_rule="none_failed")
        @fail_fast
        def plan_candidates(request: dict[str, Any], searched: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
            """Plan one training job a candidate, and one for each that was tuned."""
            if not request["training"]:
                raise AirflowSkipException("step 'train' was not asked for")
            tuned = tuning.describe(searched or [])
            return training.plan_candidates(settings, objects, request["training"], tuned, attempt())

        @task
        @fail_fast
        def plan_evaluation(request: dict[str, Any], trained: list[dict[str, Any]]) -> dict[str, Any]:
            """Plan the job that compares candidates and champion on held-out customers."""
            packages = packages_of(settings)[1]
            return training.plan_evaluation(settings, objects, packages, request["training"], list(trained), attempt())

        @task(outlets=[ASSETS["champion"]])
        @fail_fast
        def register_best(request: dict[str, Any]) -> list[str]:
            """Register the best candidate with its verdict: approved, rejected, or waiting for a person."""
            client, _ = packages_of(settings)
            decided = verdicts.register_best(settings, objects, client, request["training"], **this_run())
            page.publish_models(objects, packages_of(settings)[1])
            notes.say(f"Version {decided['model_version']} ({decided['best']}): {decided['verdict']['reason']}")
            if not request.get("days"):  # what a run over days has cost is put once, as it closes them
                metrics.publish(settings, objects, get_current_context())
            return verdicts.load_verdict(settings, objects, decided)

        @task_group(group_id="train")
        def train() -> None:
            """Train the candidates, compare them with the champion on held-out customers, register the best."""
            data = plan_training_data(asked)
            unload = operators.sql("unload_training_data", data)
            searches = plan_tuning(asked)
            unload >> searches
            tune = operators.tune_each("tune_candidate", searches)
            candidates = plan_candidates(asked, searches)
            tune >> candidates
            trained = operators.train_each("train_candidate", candidates)
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
            """Plan the job that measures drift and labelled performance, and draws the report."""
            return drift.plan_report(settings, objects, packages_of(settings)[1], request, attempt())

        @task(trigger_rule="none_failed")
        @fail_fast
        def start_drift(request: dict[str, Any]) -> list[str]:
            """Return the SQL that unloads the labels known by each day's end."""
            _asked(request, "drift")
            return [request["unload"]["labelled"], *page.unload_outcomes(settings, request)]

        # A person's answer is not waited for: until it comes the champion scores anyway.
        waits = not settings.require_approval
        follow = {
            "train_now": ["drift.trigger_training", *(["drift.wait_for_verdict"] if waits else [])],
            "escalate": ["drift.notify_escalation"],
        }

        @task.branch(outlets=[ASSETS["drift_report"]], inlets=[ASSETS["predictions"]])
        @fail_fast
        def decide(request: dict[str, Any]) -> list[str]:
            """Decide what to do about each day's signals, and keep the decision."""
            decisions = drift.decide_days(settings, objects, packages_of(settings)[1], request)
            notes.say(f"Decision of {decisions[-1]['decision_date']}: {decisions[-1]['reason']}")
            ti = get_current_context()["ti"]
            ti.xcom_push("sql", drift.load_drift(objects, request))
            ti.xcom_push("training", decisions[-1])
            action = decisions[-1]["action"] if act else "none"
            awaited = _verdict_key(decisions[-1]["run_id"]) if action == "train_now" else ""
            ti.xcom_push("verdict", objects.layout.key(awaited) if awaited else "")
            return ["drift.load_drift", *follow.get(action, [])]

        @task
        @fail_fast
        def notify_escalation(request: dict[str, Any]) -> None:
            """Tell people that retraining does not help, with the numbers and a link to the day."""
            decision = objects.read_json(layout.decision(step_days(request, "drift")[-1]))
            message = notifications.escalation(decision, notifications.monitor_link(**this_run()))
            notifications.publish(settings, *message)

        @task(trigger_rule="none_failed")
        @fail_fast
        def close_days(request: dict[str, Any]) -> None:
            """Publish the monitor page's objects and close the days: what scoring of the next day waits for."""
            _asked(request, "drift")
            decisions = {str(day): objects.read_json(layout.decision(day)) for day in step_days(request, "drift")}
            page.publish(settings, objects, packages_of(settings)[1], request, decisions, **this_run())
            drift.close_days(settings, objects, request)
            metrics.publish(settings, objects, get_current_context(), step_days(request, "drift")[-1] if act else None)

        @task_group(group_id="drift")
        def drift_group() -> None:
            """Report drift and labelled performance, decide, act on the decision, close the days."""
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
                # The day is closed without it: who cannot be told must not hold up what scores the next day.
                decision >> notify_escalation(request)
                trigger = TriggerDagRunOperator(
                    task_id="trigger_training",
                    trigger_dag_id="fraud_training",
                    trigger_run_id="drift__{{ ti.xcom_pull('drift.decide', key='training')['decision_date'] }}",
                    logical_date=None,
                    conf={
                        "kind": "alarm",
                        "as_of": "{{ ti.xcom_pull('drift.decide', key='training')['train_as_of'] }}",
                    },
                    wait_for_completion=waits,
                    deferrable=True,
                    poke_interval=max(settings.poll_seconds, 1),
                    skip_when_already_exists=True,
                    doc_md="Has fraud_training train a challenger and waits for the verdict, so that what "
                    "scores the next day is no race. Where promotions need approval it does not wait.",
                )
                decision >> trigger >> close
                if waits:
                    # A try that comes after one that was killed finds the run there, is skipped and does not wait.
                    verdict = operators.wait_for(
                        "wait_for_verdict",
                        "{{ ti.xcom_pull('drift.decide', key='verdict') }}",
                        trigger_rule="none_failed",
                    )
                    decision >> verdict
                    trigger >> verdict >> close

        return drift_group()


def _verdict_key(run_id: str) -> str:
    """Return the key of the verdict that a triggered training run leaves."""
    return f"{layout.training(run_folder(run_id))}verdict.json"


def _transform(segment: dict[str, Any]) -> dict[str, Any]:
    return dict(segment["transform"])
