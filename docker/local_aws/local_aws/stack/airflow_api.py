"""Airflow's REST API, as far as the stack needs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx

from fraud.errors import FraudError, MissingInputError

__all__ = ["AirflowApi", "health"]

COMPONENTS = {
    "api-server": "metadatabase",
    "scheduler": "scheduler",
    "dag-processor": "dag_processor",
    "triggerer": "triggerer",
}
"""Components of Airflow, and what each is called in its health report."""

PAGE = 100
TIMEOUT_SECONDS = 30


def health(url: str) -> dict[str, str]:
    """Return the state of each of Airflow's components; all ``"down"`` while the API server does not answer."""
    try:
        report = httpx.get(f"{url}/api/v2/monitor/health", timeout=5, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        report = {}
    return {name: (report.get(key) or {}).get("status") or "down" for name, key in COMPONENTS.items()}


class AirflowApi:
    """A client of one Airflow.

    Parameters
    ----------
    url
        Its address.
    user, password
        Whom to log in as.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        # Airflow lies on the loopback address; a proxy of the user's shell does not lead there.
        self._client = httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS, trust_env=False)
        answer = self._client.post("/auth/token", json={"username": user, "password": password})
        self._client.headers["Authorization"] = f"Bearer {_checked(answer)['access_token']}"

    def has_dag(self, dag_id: str) -> bool:
        """Say whether the DAG processor has found a DAG."""
        return self._client.get(f"/api/v2/dags/{dag_id}").status_code == httpx.codes.OK

    def import_errors(self) -> list[str]:
        """Return the DAG files that could not be loaded, each with its reason."""
        errors = self._all("/api/v2/importErrors", "import_errors")
        return [f"{error['filename']}: {error['stack_trace'].strip().splitlines()[-1]}" for error in errors]

    def run(self, dag_id: str, run_id: str) -> dict[str, Any] | None:
        """Return a run, or ``None`` when there is none of that id."""
        answer = self._client.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")
        return None if answer.status_code == httpx.codes.NOT_FOUND else _checked(answer)

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Return every run of a DAG."""
        return list(self._all(f"/api/v2/dags/{dag_id}/dagRuns", "dag_runs"))

    def trigger(self, dag_id: str, run_id: str, conf: dict[str, Any]) -> None:
        """Start a run that has no data interval of its own."""
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        _checked(self._client.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body))

    def pause(self, dag_id: str, paused: bool) -> None:
        """Pause or unpause a DAG."""
        self.patch(f"/api/v2/dags/{dag_id}", {"is_paused": paused})

    def tasks(self, dag_id: str, run_id: str = "~") -> list[dict[str, Any]]:
        """Return the task instances of a run, or of all runs of a DAG."""
        return list(self._all(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances", "task_instances"))

    def task_count(self, dag_id: str) -> int:
        """Return how many tasks a DAG has."""
        return int(_checked(self._client.get(f"/api/v2/dags/{dag_id}/tasks"))["total_entries"])

    def get(self, path: str) -> dict[str, Any] | None:
        """Return what any path of the API answers, or ``None`` where there is nothing."""
        answer = self._client.get(path)
        return None if answer.status_code == httpx.codes.NOT_FOUND else _checked(answer)

    def text(self, path: str) -> str:
        """Return what any path answers, as text."""
        answer = self._client.get(path)
        return answer.text if answer.is_success else str(_checked(answer))

    def patch(self, path: str, body: dict[str, Any]) -> None:
        """Change something by any path of the API."""
        _checked(self._client.patch(path, json=body))

    def clear_failed(self, dag_id: str, run_id: str) -> int:
        """Have a run's failed tasks, and what waits for them, done again; return how many tasks that is."""
        body = {"dry_run": False, "only_failed": True, "reset_dag_runs": True, "dag_run_id": run_id}
        return int(_checked(self._client.post(f"/api/v2/dags/{dag_id}/clearTaskInstances", json=body))["total_entries"])

    def log(self, task: dict[str, Any]) -> list[str]:
        """Return the lines of the log of a task instance's last try."""
        path = f"/api/v2/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}"
        answer = self._client.get(
            f"{path}/logs/{max(task['try_number'], 1)}", params={"map_index": task["map_index"], "full_content": True}
        )
        return [_log_line(entry) for entry in _checked(answer)["content"]]

    def _all(self, path: str, key: str) -> Iterator[dict[str, Any]]:
        """Go through every page of a listing."""
        offset = 0
        while True:
            page = _checked(self._client.get(path, params={"limit": PAGE, "offset": offset}))
            yield from page[key]
            offset += PAGE
            if offset >= page["total_entries"]:
                return


def _log_line(entry: Any) -> str:
    if isinstance(entry, str):
        return entry
    details = "; ".join(
        f"{error.get('exc_type')}: {error.get('exc_value')}" for error in entry.get("error_detail") or []
    )
    return " ".join(filter(None, [entry.get("level", "").upper(), entry.get("event", ""), details]))


def _checked(answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code == httpx.codes.NOT_FOUND:
        raise MissingInputError(f"Airflow has no {answer.request.url.path}")
    if answer.is_error:
        try:
            reason = answer.json()["detail"]
        except (ValueError, KeyError):
            reason = answer.text[:300]
        raise FraudError(f"Airflow refused {answer.request.method} {answer.request.url.path}: {reason}")
    content: dict[str, Any] = answer.json()
    return content
