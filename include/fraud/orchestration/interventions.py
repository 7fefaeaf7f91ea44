"""Task groups of what an operator asks for by hand: promote or roll back, pause retraining, re-score."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import get_current_context, task, task_group
from airflow.sdk.exceptions import AirflowSkipException

from fraud import layout
from fraud.orchestration import notes, notifications, page, rescoring, verdicts
from fraud.orchestration.approval import ANSWER, Approval
from fraud.orchestration.groups import ASSETS, Groups, attempt, this_run
from fraud.orchestration.operators import fail_fast
from fraud.orchestration.registry import package_of_run, packages_of

__all__ = ["promotion", "rescore", "set_retraining"]

_APPROVE = "promotion.approve_promotion"


def promotion(groups: Groups, request: Any) -> Any:
    """Ask a person where one has the last word, and keep the answer; register the earlier version that is asked for."""
    settings, objects, operators = groups.settings, groups.objects, groups.operators

    @task.branch(trigger_rule="none_failed")
    @fail_fast
    def find_challenger(request: dict[str, Any]) -> list[str]:
        """Register the version that is to be promoted by hand, or find the challenger that waits for an answer."""
        client, packages = packages_of(settings)
        if request["promotion"]:
            package = verdicts.register_copy(settings, objects, client, request["promotion"], **this_run())
        else:
            found = package_of_run(packages, request["run"])
            if found is None or found.approval != verdicts.PENDING:
                return ["promotion.notify_promotion"] if found and found.approval == "Approved" else []
            package = found
        if package.approval != verdicts.PENDING:
            return ["promotion.conclude"]
        page.publish_models(objects, packages_of(settings)[1])
        for name, text in verdicts.question(verdicts.read_verdict(objects, request["run"]) or {}).items():
            get_current_context()["ti"].xcom_push(name, text)
        return [_APPROVE]

    @task
    @fail_fast
    def promote_challenger(request: dict[str, Any]) -> int:
        """Approve the version in the registry, as the person said."""
        client, _ = packages_of(settings)
        return verdicts.approve(settings, client, request["run"], _answer()).version

    @task(trigger_rule="none_failed", outlets=[ASSETS["champion"]])
    @fail_fast
    def conclude(request: dict[str, Any]) -> list[str]:
        """Keep what became of it: in the registry, in the verdict, on the monitor page."""
        client, _ = packages_of(settings)
        decided = verdicts.conclude(settings, objects, client, request["run"], _answer())
        page.publish_models(objects, packages_of(settings)[1])
        takes_over = f"scores from {decided['effective_from']} on" if decided["promoted"] else "does not take over"
        notes.say(f"Version {decided['model_version']} {takes_over}: {decided['verdict']['reason']}")
        return verdicts.load_verdict(settings, objects, decided)

    @task(trigger_rule="none_failed")
    @fail_fast
    def notify_promotion(request: dict[str, Any]) -> None:
        """Tell people which model takes over, with the numbers and a link."""
        message = notifications.promotion(objects, request["run"], notifications.monitor_link(**this_run()))
        if not message:
            raise AirflowSkipException("no model takes over")
        notifications.publish(settings, *message)

    @task_group(group_id="promotion")
    def group() -> None:
        """Ask a person where one has the last word; register the version that is asked for."""
        found = find_challenger(request)
        ask = Approval(
            task_id="approve_promotion",
            subject="{{ ti.xcom_pull('promotion.find_challenger', key='subject') }}",
            body="{{ ti.xcom_pull('promotion.find_challenger', key='body') }}",
            defaults="Reject",
            response_timeout=timedelta(hours=settings.approval_hours),
            doc_md="Waits for a person: Browse → Required actions, or this task's tab. Without an answer within "
            f"{settings.approval_hours:g} hours the champion stays.",
        )
        promote = promote_challenger(request)
        concluded = conclude(request)
        notified = notify_promotion(request)
        found >> [ask, concluded, notified]
        concluded >> notified
        # A rejection skips what comes right after the question, so the conclusion must not.
        ask >> promote >> concluded
        operators.sql("load_verdict", concluded)

    return group()


def set_retraining(groups: Groups, request: Any) -> Any:
    """Pause or resume the retraining loop: the weekly training and what the drift decision triggers."""

    @task
    @fail_fast
    def set_retraining(request: dict[str, Any]) -> dict[str, Any]:
        """Write down that retraining is paused, or runs again, and who said so."""
        if request["retraining"] is None:
            raise AirflowSkipException("nobody asked to pause or resume retraining")
        paused = request["retraining"] == "pause"
        state = {"paused": paused, "by": request["user"] or "nobody", "run": request["run"]}
        groups.objects.write_json(layout.retraining(), state)
        page.publish_models(groups.objects, packages_of(groups.settings)[1])
        notes.say(f"Retraining is {'paused' if paused else 'resumed'} by {state['by']}")
        return state

    return set_retraining(request)


def rescore(groups: Groups, request: Any) -> Any:
    """Score delivered days with another version, into a table of their own."""
    settings, objects, operators = groups.settings, groups.objects, groups.operators

    @task(trigger_rule="none_failed")
    @fail_fast
    def start_rescore(request: dict[str, Any]) -> str:
        """Skip the group unless it was asked for; return the SQL that unloads the compromised cards."""
        if not request["days"].get("rescore"):
            raise AirflowSkipException("step 'rescore' was not asked for")
        return rescoring.unload_compromised(settings, request)

    @task
    @fail_fast
    def plan_transform(request: dict[str, Any]) -> list[dict[str, Any]]:
        """Plan the transform by the version asked for."""
        return rescoring.plan_transform(settings, objects, packages_of(settings)[1], request, attempt())

    @task
    @fail_fast
    def plan_collection(request: dict[str, Any], segments: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Plan the job that turns the transform's output into scores, and alerts that nobody is sent."""
        return rescoring.plan_collection(settings, objects, request, segments, attempt())

    @task
    @fail_fast
    def record_rescores(request: dict[str, Any]) -> list[str]:
        """Check and record the scores."""
        statements = rescoring.record(settings, objects, request)
        start, end = request["days"]["rescore"]
        notes.say(f"Version {request['model_version']} re-scored {start} to {end}: table rescores")
        return statements

    @task_group(group_id="rescore")
    def group() -> None:
        """Score delivered days with another version; nothing that was delivered changes."""
        unload = operators.sql("unload_compromised_cards", start_rescore(request))
        segments = plan_transform(request)
        transform = operators.transform_each(
            "transform", segments.map(_transform), "{{ task.config['Transform']['TransformJobName'] }}"
        )
        collection = plan_collection(request, segments)
        unload >> segments
        transform >> collection
        collect = operators.process_each("collect_predictions", collection, "{{ task.config['ProcessingJobName'] }}")
        record = record_rescores(request)
        collect >> record
        operators.sql("load_rescores", record)

    return group()


def _transform(segment: dict[str, Any]) -> dict[str, Any]:
    return dict(segment["transform"])


def _answer() -> dict[str, Any] | None:
    found: dict[str, Any] | None = get_current_context()["ti"].xcom_pull(task_ids=_APPROVE, key=ANSWER)
    return found
