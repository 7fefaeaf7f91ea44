"""What people are told of by SNS: that retraining does not help, and that another model has taken over."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from airflow.providers.amazon.aws.hooks.sns import SnsHook
from airflow.sdk.configuration import conf

from fraud.orchestration.objects import Objects
from fraud.orchestration.verdicts import read_verdict
from fraud.settings import Settings

__all__ = ["escalation", "monitor_link", "promotion", "publish"]

logger = logging.getLogger(__name__)

_LONGEST_SUBJECT = 100  # SNS refuses longer ones


def escalation(decision: Mapping[str, Any], link: str) -> tuple[str, str]:
    """Return subject and message of a decision that calls a person."""
    lines = [
        f"{decision['decision_date']}, model version {decision['model_version']}: {decision['reason']}.",
        "",
        *(f"- {signal}" for signal in decision["signals"]),
        "",
        "What to do: docs/runbooks.md, Decision escalate.",
        link,
    ]
    return f"Fraud: retraining does not help ({decision['decision_date']})", "\n".join(lines)


def promotion(objects: Objects, run: str, link: str) -> tuple[str, str] | None:
    """Return subject and message of the run whose model takes over; None where none does."""
    verdict = read_verdict(objects, run)
    if verdict is None or not verdict["promoted"]:
        return None
    version, effective_from = verdict["model_version"], verdict["effective_from"]
    rows = {verdict["best"]: verdict["candidates"][verdict["best"]], "champion": verdict.get("champion") or {}}
    lines = [
        f"Version {version} ({verdict['best']}) scores from {effective_from} on, in place of version "
        f"{verdict['champion_version'] or 'none'}.",
        f"{verdict['verdict']['reason']}.",
        "",
        *(
            f"- {name}: " + ", ".join(f"{metric} {value:.4f}" for metric, value in metrics.items())
            for name, metrics in rows.items()
            if metrics
        ),
        "",
        link,
    ]
    return f"Fraud: model version {version} takes over on {effective_from}", "\n".join(lines)


def monitor_link(dag_id: str, run_id: str) -> str:
    """Return the address of the Fraud monitor at what a run did."""
    base = str(conf.get("api", "base_url", fallback="http://localhost:8080/")).rstrip("/")
    return f"{base}/fraud/?{urlencode({'dag_id': dag_id, 'run_id': run_id})}"


def publish(settings: Settings, subject: str, message: str) -> None:
    """Send a message to the deployment's topic; without one the log is all there is."""
    logger.info("%s\n%s", subject, message)
    if not settings.notifications_topic_arn:
        return
    SnsHook().publish_to_target(settings.notifications_topic_arn, message, subject[:_LONGEST_SUBJECT])
