"""Registers the Fraud monitor: a page in the navigation and a tab on DAG runs.

Every Airflow component imports this file; the application behind it is built at the first request, in the API server.
"""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin


class LazyApplication:
    """The page's ASGI application, imported when it is first asked for."""

    def __init__(self) -> None:
        self._application: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._application is None:
            from fraud_monitor.application import build  # noqa: PLC0415  (keeps the other components' start light)

            self._application = build()
        await self._application(scope, receive, send)


class FraudMonitorPlugin(AirflowPlugin):
    """The Fraud monitor."""

    name = "fraud_monitor"
    fastapi_apps = [{"app": LazyApplication(), "url_prefix": "/fraud", "name": "Fraud monitor"}]  # noqa: RUF012
    # Relative, so that a base path in front of Airflow stays in front of the page.
    external_views = [  # noqa: RUF012
        {
            "name": "Fraud monitor",
            "href": "fraud/",
            "destination": "nav",
            "category": "browse",
            "url_route": "fraud-monitor",
        },
        {
            "name": "Fraud monitor",
            "href": "fraud/?dag_id={DAG_ID}&run_id={RUN_ID}",
            "destination": "dag_run",
            "url_route": "fraud-monitor-run",
        },
    ]
