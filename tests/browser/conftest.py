"""Chromium on a real Airflow with the plugin, over objects that the real builder made."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from airflow_site import PASSWORDS, AirflowSite
from local_stack import LocalStack
from monitor_objects import FIRST, page_objects, run_of

DAYS = 100
LAST = FIRST + timedelta(days=DAYS - 1)
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
# No sandbox, because containers run as root; the rest keeps Chromium from calling home.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

collect_ignore = []
if CHROMIUM is None and not os.environ.get("CI"):
    collect_ignore.append("test_monitor.py")


def pytest_report_header() -> str | None:
    return None if CHROMIUM else "browser tests: left out, there is no Chromium on PATH (set CHROMIUM to its path)"


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


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        pytest.fail("there is no Chromium on PATH; install it or set CHROMIUM to its path")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(site: AirflowSite, chromium) -> Iterator[Callable[..., Visit]]:
    """Return a function that opens a window for a user (None: nobody); at the end nothing may have gone wrong."""
    visits: list[Visit] = []

    def of(user: str | None = "admin", *, size: tuple[int, int] = (1360, 900), scheme: str = "light") -> Visit:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, locale="en-GB", accept_downloads=True
        )
        context.set_default_timeout(60000)
        if user is not None:
            answer = context.request.post(
                f"{site.url}/auth/token", data={"username": user, "password": PASSWORDS[user]}
            )
            context.add_cookies([{"name": "_token", "value": answer.json()["access_token"], "url": f"{site.url}/"}])
        one = Visit(site, context, context.new_page())
        one.watch()
        visits.append(one)
        return one

    yield of
    for one in visits:
        one.context.close()
    assert [problem for one in visits for problem in one.problems] == []
