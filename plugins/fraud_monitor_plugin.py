"""Registers the Fraud monitor: a page in the navigation and a tab on DAG runs.

Every Airflow component imports this file; the application behind it is loaded in the API server only, beside its start.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

from airflow.plugins_manager import AirflowPlugin


class Monitor:
    """The page's ASGI application, loaded once, by whoever needs it first."""

    def __init__(self) -> None:
        self._application: Any = None
        self._lock = threading.Lock()

    def load(self) -> Any:
        """Return the application, imported and ready for its first request."""
        with self._lock:
            if self._application is None:
                from fraud_monitor.application import build  # noqa: PLC0415  (keeps the other components' start light)

                self._application = build()
        return self._application

    def prepare(self) -> None:
        """Load the application and what its overview shows; readers wait for the first of these only."""
        application = self.load()
        from fraud_monitor.application import read_ahead  # noqa: PLC0415

        read_ahead(application)
        # All that is loaded by now stays. Otherwise garbage is looked for among everything, and only once a quarter of
        # it is new: until then this server grows (docs/faults.md).
        gc.collect()
        gc.freeze()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        application = self._application or await asyncio.to_thread(self.load)
        await application(scope, receive, send)


MONITOR = Monitor()


class LoadedWithServer:
    """ASGI middleware of the API server: loads the page when the server starts, so that nobody waits for it later.

    Only servers send ``lifespan``, and Airflow's mounted applications are not told of it, its middlewares are.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            threading.Thread(target=MONITOR.prepare, name="fraud-monitor", daemon=True).start()
        await self.app(scope, receive, send)


class FraudMonitorPlugin(AirflowPlugin):
    """The Fraud monitor."""

    name = "fraud_monitor"
    fastapi_apps = [{"app": MONITOR, "url_prefix": "/fraud", "name": "Fraud monitor"}]  # noqa: RUF012
    fastapi_root_middlewares = [{"middleware": LoadedWithServer, "name": "Fraud monitor"}]  # noqa: RUF012
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
