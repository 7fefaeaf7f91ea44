"""Every setting of a deployment: one frozen, validated object, and the only reader of the environment.

A setting ``name`` is read from the variable ``FRAUD_NAME``; nested blocks are JSON
(``FRAUD_PROMOTION='{"alarm_days": 4}'``).
On MWAA the startup script sets the variables, locally ``fraud-local`` does.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fraud.errors import ConfigurationError
from fraud.layout import Layout

__all__ = ["DriftThresholds", "PromotionRule", "Settings", "TrainingDefaults"]


class _Block(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TrainingDefaults(_Block):
    """How challengers are trained and held out."""

    window_days: int = Field(28, ge=7, le=180, description="labelled days a model is trained on")
    holdout_percent: int = Field(40, ge=10, le=60, description="share of the customers kept for evaluation, by hash")
    candidates: tuple[str, ...] = ("xgboost_builtin", "xgboost", "logistic_regression")
    seed: int = Field(0, ge=0)
    tuning_jobs: int = Field(10, ge=1, le=100, description="training jobs of one tuning job")
    tuning_parallel: int = Field(2, ge=1, le=10, description="of them at once")
    tuning_days: int = Field(7, ge=3, le=28, description="last labelled days, which settings are compared on")


class PromotionRule(_Block):
    """When a challenger replaces the champion, both measured on the same held-out transactions (docs/monitoring.md)."""

    scheduled_days: int = Field(14, ge=1, description="labelled days compared after scheduled training")
    scheduled_min_gain: float = Field(0.02, ge=0, description="least gain in average precision, scheduled")
    scheduled_min_frauds: int = Field(200, ge=1, description="held out over 14 days at the handbook's size: 240 to 340")
    unneeded_min_gain: float = Field(0.10, ge=0, description="least gain where labels show no loss, whatever the kind")
    alarm_days: int = Field(3, ge=1, description="labelled days compared after an alarm")
    alarm_min_gain: float = Field(0.05, ge=0, description="least gain in average precision, after an alarm")
    alarm_min_frauds: int = Field(50, ge=1, description="held out over 3 days at the handbook's size: 54 to 100")
    max_card_precision_loss: float = Field(0.01, ge=0, description="most card precision@k that may be lost")
    bootstrap_samples: int = Field(500, ge=100)
    bootstrap_percentile: float = Field(5.0, gt=0, lt=50, description="this percentile of the gain must be above 0")


class DriftThresholds(_Block):
    """When a signal becomes an alarm (docs/monitoring.md gives each number's measured false-alarm rate)."""

    feature_wasserstein: float = Field(
        0.10, gt=0, description="0 of 887 calm days lie beyond it, the furthest at 0.091"
    )
    feature_wasserstein_warn: float = Field(0.06, gt=0)
    night_jensenshannon: float = Field(
        0.05, gt=0, description="0 of 887 calm days lie beyond it, the furthest at 0.012"
    )
    alert_rate_low: float = Field(
        0.67, gt=0, lt=1, description="2 of 887 calm days lie beyond it, the furthest at 0.604"
    )
    alert_rate_high: float = Field(1.5, gt=1, description="0 of 887 calm days lie beyond it, the furthest at 1.396")
    ap_short_days: int = Field(3, ge=1)
    ap_short_ratio: float = Field(
        0.75, gt=0, lt=1, description="0 of 797 calm days lie beyond it, the furthest at 0.850"
    )
    ap_long_days: int = Field(7, ge=1)
    ap_long_ratio: float = Field(
        0.85, gt=0, lt=1, description="0 of 757 calm days lie beyond it, the furthest at 0.870"
    )
    min_frauds: int = Field(100, ge=1)
    persistence_days: int = Field(2, ge=1, description="days out of the window that must signal")
    persistence_window: int = Field(3, ge=1)
    min_current_rows: int = Field(2000, ge=1)
    min_reference_rows: int = Field(5000, ge=1)
    cooldown_promoted_days: int = Field(7, ge=0)
    cooldown_refused_days: int = Field(2, ge=0)
    cooldown_unlabelled_days: int = Field(
        14, ge=0, description="after a challenger was refused, until an alarm without labels plans another"
    )
    planned_after_days: int = Field(
        10,
        ge=0,
        description="from an alarm without labels to its challenger: what came after the drift is labelled by then",
    )
    max_refusals: int = Field(3, ge=1, description="refusals under a label alarm before it is escalated")
    loss_over_ratio: float = Field(0.95, gt=0, lt=1.5, description="a loss is made good above it, over the long window")
    loss_most_days: int = Field(60, ge=1, description="then what the champion was promoted with is the new level")
    escalate_after_days: int = Field(10, ge=1, description="after a label alarm that what took over keeps up")
    min_baseline_weeks: int = Field(4, ge=1, description="weeks that the expected average precision is a mean of")
    volume_low: float = Field(
        0.8, gt=0, lt=1, description="a notice, no alarm: 0 of 887 calm days lie beyond it, the furthest at 0.959"
    )
    volume_high: float = Field(
        1.25, gt=1, description="a notice, no alarm: 0 of 887 calm days lie beyond it, the furthest at 1.051"
    )
    max_missing_share: float = Field(0.05, ge=0, lt=1, description="of a column; with more it is no evidence")


class Settings(_Block):
    """One deployment."""

    environment: str = Field(
        "local", pattern=r"^[a-z][a-z0-9-]{1,15}$", description="prefix of every name in the account"
    )
    bucket: str = Field("fraud-local", min_length=3)
    prefix: str = ""
    world: str = Field(
        "demo", description="named world that the simulator plays; 'delivery' when real files arrive instead"
    )
    first_day: date = Field(date(2026, 1, 1), description="first day of the daily schedule")
    feature_version: Literal["v1", "v2"] = "v1"
    feature_engine: Literal["sagemaker", "emr"] = "sagemaker"
    emr_application_id: str = Field("", description="EMR Serverless application that computes features, if it does")
    emr_role_arn: str = Field("", description="execution role of its Spark jobs; empty: role_arn")
    emr_max_executors: int = Field(4, ge=1, le=1000, description="workers of 4 vCPU and 16 GB (docs/features.md)")

    role_arn: str = Field("", description="execution role of the SageMaker jobs")
    image: str = Field("fraud:latest", description="URI of the project's own image")
    xgboost_image: str = Field("sagemaker-xgboost:3.0-5", description="URI of AWS's built-in XGBoost")
    processing_instance: str = "ml.m5.xlarge"
    training_instance: str = "ml.m5.xlarge"
    transform_instance: str = "ml.m5.xlarge"
    model_package_group: str = "fraud"
    redshift_workgroup: str = "fraud"
    redshift_database: str = "fraud"
    notifications_topic_arn: str = ""
    owner_link: str = Field(
        "", pattern=r"^$|^(https?://|mailto:).+", description="where the DAGs' owner leads to: a page or a mail address"
    )

    deferrable: bool = True
    poll_seconds: float = Field(30, ge=0.1, le=3600)
    max_active_runs: int = Field(4, ge=1, le=32)
    retries: int = Field(2, ge=0, le=10)
    retry_delay_seconds: int = Field(60, ge=0)
    scoring_wait_hours: float = Field(12, gt=0, description="how long scoring waits for the day before")

    require_approval: bool = Field(False, description="a person approves a promotion that the rule proposes")
    approval_hours: float = Field(72, gt=0, description="without an answer for so long the champion stays")

    alert_budget: int = Field(100, ge=1, description="cards that the investigators can look at in a day")
    investigation_cost: float = Field(10.0, ge=0, description="of one alert, in the amounts' currency")
    compromised_days: int = Field(
        28, ge=0, description="a card is compromised this long after a fraud label became known"
    )
    label_delay_days: int = Field(7, ge=0)
    drift_retrain: Literal["now", "when_labelled"] = "when_labelled"
    training: TrainingDefaults = TrainingDefaults()
    promotion: PromotionRule = PromotionRule()
    drift: DriftThresholds = DriftThresholds()

    @property
    def delivered(self) -> bool:
        """Whether days are delivered from outside, not simulated."""
        return self.world == "delivery"

    @property
    def layout(self) -> Layout:
        """Keys and URIs of this deployment."""
        return Layout(self.bucket, self.prefix)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the settings from ``FRAUD_*`` variables.

        Raises
        ------
        ConfigurationError
            Naming the variable, what it holds and what was expected.
        """
        environment = os.environ if environment is None else environment
        values: dict[str, object] = {}
        for name, field in cls.model_fields.items():
            text = environment.get(f"FRAUD_{name.upper()}")
            if text is None:
                continue
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                try:
                    values[name] = field.annotation.model_validate_json(text)
                except ValidationError as error:
                    raise _refused(f"FRAUD_{name.upper()}", error) from None
            else:
                values[name] = text
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise _refused("FRAUD_" + str(error.errors()[0]["loc"][0]).upper(), error) from None


def _refused(variable: str, error: ValidationError) -> ConfigurationError:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return ConfigurationError(
        f"{variable}: {where}: {first['msg']} (got {first.get('input')!r}); set it right and start again"
    )
