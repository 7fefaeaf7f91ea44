"""Chromium on a real Airflow with the plugin, over objects that the real builder made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import boto3
import pytest

import chromium as system
from airflow_site import PASSWORDS, AirflowSite
from local_stack import LocalStack
from monitor_objects import FIRST, page_objects, run_of

DAYS = 100
LAST = FIRST + timedelta(days=DAYS - 1)

collect_ignore = ["test_forms.py", "test_monitor.py"] if system.left_out() else []


def pytest_report_header() -> str | None:
    return f"browser tests: left out, {system.MISSING}" if collect_ignore else None


@dataclass
class Visit:
    """A browser window of one user, and what went wrong in the page's own frames."""

    site: AirflowSite
    context: object
    page: object
    problems: list[str] = field(default_factory=list)

    def open(self, path: str, ready: str = "main[aria-busy=false]"):
        """Open a page of the plugin and wait until it is drawn."""
        self.page.goto(f"{self.site.url}/fraud/{path}")
        self.page.wait_for_selector(ready)
        return self.page

    def framed(self, path: str = "plugin/fraud-monitor"):
        """Open the page inside Airflow and return its frame."""
        self.page.goto(f"{self.site.url}/{path}")
        handle = self.page.wait_for_selector("iframe[title='Fraud monitor']")
        frame = handle.content_frame()
        frame.wait_for_selector("main[aria-busy=false]")
        return frame

    def watch(self) -> None:
        """Note script errors, console errors and requests to other hosts of the page and its reports."""
        ours = f"{self.site.url}/fraud/"
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on(
            "console",
            lambda message: (
                message.type == "error"
                and message.location.get("url", "").startswith(ours)
                and self.problems.append(f"console: {message.text} ({message.location['url']})")
            ),
        )

        def check(request) -> None:
            # Requests without a frame of ours are Airflow's own.
            frame = None if request.is_navigation_request() else request.frame
            mine = frame is not None and frame.url.startswith(ours)
            if mine and not request.url.startswith((self.site.host, "data:", "blob:")):
                self.problems.append(f"request to {request.url}")

        self.page.on("request", check)


def evidently_report(path: Path) -> bytes:
    """Return a report as Evidently writes it, small numbers of rows aside."""
    import pandas as pd
    from evidently import Report
    from evidently.metrics import ValueDrift

    reference = pd.DataFrame({"tx_amount": [float(value % 97) for value in range(1500)]})
    Report([ValueDrift(column="tx_amount")]).run(reference + 9, reference).save_html(str(path))
    return path.read_bytes()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowSite]:
    """Airflow under /prefix, with a scheduler, and one DAG run that closed a day."""
    folder = tmp_path_factory.mktemp("site")
    aws = LocalStack(folder / "state").start()
    found = AirflowSite(folder / "airflow", aws.endpoint)
    try:
        aws.client("sagemaker").create_model_package_group(ModelPackageGroupName="fraud")
        client = aws.client("s3")
        client.create_bucket(Bucket="fraud-local")
        for key, text in page_objects(DAYS).items():
            client.put_object(Bucket="fraud-local", Key=key, Body=text.encode())
        report = evidently_report(folder / "report.html")
        client.put_object(Bucket="fraud-local", Key=f"reports/drift/date={LAST}/report.html", Body=report)
        found.start()
        found.launch("scheduler")
        with found.client("admin") as admin:
            answer = admin.post(
                "/api/v2/dags/fraud_daily/dagRuns",
                json={"dag_run_id": run_of(LAST), "logical_date": f"{LAST}T01:00:00Z", "conf": {}},
            )
            assert answer.is_success, answer.text
        yield found
    finally:
        found.stop()
        aws.stop()


@pytest.fixture
def three_years(site: AirflowSite) -> Iterator[None]:
    """Have the page show three years of history."""
    session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name="us-east-1")
    client = session.client("s3", endpoint_url=site.endpoint)
    key = "monitoring/summary.json"
    before = client.get_object(Bucket="fraud-local", Key=key)["Body"].read()
    client.put_object(Bucket="fraud-local", Key=key, Body=page_objects(1095, detailed=1, cards=1)[key].encode())
    yield
    client.put_object(Bucket="fraud-local", Key=key, Body=before)


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    with system.browser() as found:
        yield found


@pytest.fixture(scope="session")
def windows(site: AirflowSite, chromium) -> Iterator[Callable[..., object]]:
    """Return a function that opens a context; those of a user share login and cache unless a fresh one is asked for."""
    kept: dict[tuple, object] = {}

    def of(user: str | None, size: tuple[int, int], scheme: str, *, fresh: bool):
        key = (user, size, scheme)
        if fresh or user is None or key not in kept:
            context = chromium.new_context(
                viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, locale="en-GB"
            )
            context.set_default_timeout(60000)
            if user is not None:
                system.log_in(context, site.url, user, PASSWORDS[user])
            if fresh or user is None:
                return context
            kept[key] = context
        return kept[key]

    yield of
    for context in kept.values():
        context.close()


@pytest.fixture
def visit(site: AirflowSite, windows) -> Iterator[Callable[..., Visit]]:
    """Return a function that opens a window for a user (None: nobody); at the end nothing may have gone wrong."""
    visits: list[Visit] = []

    def of(
        user: str | None = "admin",
        *,
        size: tuple[int, int] = (1360, 900),
        scheme: str = "light",
        fresh: bool = False,
    ) -> Visit:
        context = windows(user, size, scheme, fresh=fresh)
        one = Visit(site, context, context.new_page())
        one.watch()
        visits.append(one)
        return one

    yield of
    for one in visits:
        one.page.close()
    assert [problem for one in visits for problem in one.problems] == []
