"""Object keys: the one place that knows where things lie under the bucket and prefix.

Keys are relative to the prefix; :class:`Layout` makes URIs of them. Dates are partition values in Hive's style.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

STEPS = ("transactions", "features", "scoring", "drift")
"""The daily steps, in order; each writes one manifest a day."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Keys and URIs of one environment."""

    bucket: str
    prefix: str = ""

    def key(self, relative: str) -> str:
        """Return the full object key of a key relative to the prefix."""
        return f"{self.prefix.strip('/')}/{relative}" if self.prefix.strip("/") else relative

    def uri(self, relative: str) -> str:
        """Return the ``s3://`` URI of a key relative to the prefix."""
        return f"s3://{self.bucket}/{self.key(relative)}"


def world() -> str:
    """Key of the anchored world that this environment runs."""
    return "world/world.json"


def landing(day: date) -> str:
    """Folder in which a day is delivered from outside (``fraud.ingest.delivery``)."""
    return f"landing/tx_date={day}/"


def delivery(day: date) -> str:
    """Key of what is written last of a delivered day."""
    return f"{landing(day)}delivery.json"


def quarantine(day: date) -> str:
    """Folder of the delivered rows of a day that were set aside."""
    return f"quarantine/date={day}/"


def transactions(day: date) -> str:
    """Folder of a day's delivered transactions."""
    return f"raw/transactions/tx_date={day}/"


def labels(day: date, source: str) -> str:
    """Folder of the labels of one source that became known on a day."""
    return f"raw/labels/known_date={day}/source={source}/"


def entities(kind: str) -> str:
    """Folder of the customers or terminals as delivered."""
    return f"raw/{kind}/"


def features(version: str, day: date) -> str:
    """Folder of a day's features."""
    return f"features/version={version}/tx_date={day}/"


def scoring_input(day: date) -> str:
    """Folder of a day's batch-transform input."""
    return f"scoring/input/tx_date={day}/"


def scoring_output(day: date) -> str:
    """Folder of a day's batch-transform output."""
    return f"scoring/output/tx_date={day}/"


def predictions(day: date) -> str:
    """Folder of a day's predictions."""
    return f"predictions/tx_date={day}/"


def alerts(day: date) -> str:
    """Folder of a day's alerts."""
    return f"alerts/alert_date={day}/"


def training(run: str) -> str:
    """Folder of what one training run reads and decides."""
    return f"training/{run}/"


def drift_report(day: date) -> str:
    """Folder of a day's metrics.json and report.html."""
    return f"reports/drift/date={day}/"


def drift_metrics(day: date) -> str:
    """Key of what was measured of a day's drift."""
    return f"{drift_report(day)}metrics.json"


def decision(day: date) -> str:
    """Key of what was decided on a day."""
    return f"monitoring/decisions/{day}.json"


def erasures() -> str:
    """Folder of what was erased on request: the list that deliveries pass, and how much the last erasure was."""
    return "erasures/"


def erased() -> str:
    """Key of the list of what was erased (``fraud.erasure.erased``); none means that nothing was."""
    return f"{erasures()}erased.json"


def retraining() -> str:
    """Key of whether the retraining loop is paused, and by whom; none means that it runs."""
    return "monitoring/retraining.json"


def rescores(version: int) -> str:
    """Folder of what another model version says about days that were scored before."""
    return f"rescores/version={version}/"


def monitoring(name: str) -> str:
    """Key of a monitoring object."""
    return f"monitoring/{name}"


def manifest(step: str, day: date) -> str:
    """Key of the manifest that a step writes last for a day."""
    return f"manifests/{step}/{day}.json"


def summary(step: str, day: date) -> str:
    """Key of what a job says about the outputs it wrote for a day."""
    return f"summaries/{step}/{day}.json"


def truth(day: date) -> str:
    """Folder of what the simulator knows about a day's transactions; no DAG reads it."""
    return f"truth/labels/tx_date={day}/"


def truth_episodes(day: date) -> str:
    """Key of the drift episodes active on a day; no DAG reads it."""
    return f"truth/episodes/{day}.json"
