"""The page's routes: who is let in, what can be asked for, and what a report may do."""

import csv
import io
import json
import subprocess
import sys

import pytest

from monitor_objects import page_objects

from .conftest import PLUGINS

DAY = "2026-01-20"
ROUTES = [
    "",
    "data/summary",
    "data/models",
    f"data/days/{DAY}",
    f"data/cards/{DAY}",
    "data/episodes",
    "data/reports",
    f"alerts/{DAY}.csv",
    f"reports/{DAY}",
    *(f"jobs/{kind}/local-job-1" for kind in ("processing", "transform", "training", "tuning")),
]


@pytest.fixture
def filled(bucket):
    bucket.objects = {key: text.encode() for key, text in page_objects(20, cards=5).items()}
    return bucket


def test_every_route__is_in_the_list_above(bucket):
    from fraud_monitor.application import build

    assert {route.path for route in build(bucket).routes} == {
        "/",
        "/static/{version}/{name}",
        "/data/summary",
        "/data/models",
        "/data/days/{day}",
        "/data/cards/{day}",
        "/data/episodes",
        "/data/reports",
        "/alerts/{day}.csv",
        "/reports/{day}",
        "/jobs/processing/{name}",
        "/jobs/transform/{name}",
        "/jobs/training/{name}",
        "/jobs/tuning/{name}",
    }


@pytest.mark.parametrize("route", [*ROUTES, "static/0/page.js"])
def test_route__nobody_is_refused_before_anything_is_read(client, filled, route):
    answer = client(None).get(route)
    assert answer.status_code == 401
    assert answer.json() == {"detail": "Not authenticated"}
    assert filled.asked == []


@pytest.mark.parametrize("route", ROUTES[1:])
def test_data__needs_the_right_to_read_the_dag(client, filled, route):
    assert client("stranger").get(route).status_code == 403
    assert filled.asked == []


@pytest.mark.parametrize("route", ROUTES)
def test_data__is_there_for_who_may_read_the_dags(client, filled, route):
    assert client("analyst").get(route).status_code == 200


def test_models__need_the_right_to_read_training(client, filled):
    assert client("daily only").get("data/summary").status_code == 200
    assert client("daily only").get("data/models").status_code == 403


@pytest.mark.parametrize("path", ["docs", "redoc", "openapi.json"])
def test_schema_pages__are_off(client, path):
    assert client("analyst").get(path).status_code == 404


def test_page__tells_a_browser_without_login_where_to_log_in(client):
    answer = client(None).get("", headers={"Accept": "text/html"})
    assert answer.status_code == 401
    assert '<a href="../">Log in to Airflow</a>' in answer.text


@pytest.mark.parametrize(
    "day",
    [
        "..%2F..%2Fmodels",
        "2026-01-20%2F..%2F..",
        "2026-1-20",
        "2026-01-20x",
        "2026-13-40",
        "1767225600",
        "2026-01-20%00",
        "٢٠٢٦-٠١-٢٠",
    ],
)
@pytest.mark.parametrize("route", ["data/days/{}", "data/cards/{}", "alerts/{}.csv", "reports/{}"])
def test_day__that_is_none_reaches_no_object(client, filled, route, day):
    answer = client("analyst").get(route.format(day))
    assert answer.status_code in (404, 422)
    assert filled.asked == []


def test_job__is_plain_text_and_one_that_there_is_not_is_not_found(client, bucket):
    answer = client("analyst").get("jobs/processing/local-job-1")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == "processing job local-job-1\n"
    missing = client("analyst").get("jobs/training/local-job-2")
    assert (missing.status_code, missing.json()["detail"]) == (404, "this deployment has no training job local-job-2")


def test_jobs__of_training_need_the_right_to_read_training(client, bucket):
    assert client("daily only").get("jobs/processing/local-job-1").status_code == 200
    for kind in ("training", "tuning"):
        assert client("daily only").get(f"jobs/{kind}/local-job-1").status_code == 403
    assert bucket.asked == ["processing/local-job-1"]


@pytest.mark.parametrize("name", ["..%2Fx", "a%00", "-job", "a" * 64, "job.1", "ünderway"])
def test_job__name_that_is_none_reaches_no_job(client, bucket, name):
    assert client("analyst").get(f"jobs/processing/{name}").status_code in (404, 422)
    assert bucket.asked == []


@pytest.mark.parametrize(
    "name",
    ["../application.py", "..%2fapplication.py", "vendor/../../storage.py", "index.html", "vendor/uPlot.LICENSE"],
)
def test_static__gives_nothing_but_the_page_s_own_files(client, name):
    page = client("analyst").get("").text
    digest = page.partition("static/")[2].partition("/")[0]
    assert client("analyst").get(f"static/{digest}/page.js").status_code == 200
    assert client("analyst").get(f"static/{digest}/{name}").status_code == 404


def test_static__is_kept_by_browsers_until_it_changes(client):
    page = client("analyst").get("").text
    assert "{static}" not in page
    digest = page.partition("static/")[2].partition("/")[0]
    kept = client("analyst").get(f"static/{digest}/page.css")
    assert kept.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert client("analyst").get("static/0000/page.css").status_code == 404


@pytest.mark.parametrize("route", ["data/summary", "static/{digest}/page.js"])
def test_answers__are_compressed_for_browsers_that_ask_for_it(client, filled, route):
    page = client("analyst").get("").text
    address = route.format(digest=page.partition("static/")[2].partition("/")[0])
    plain = client("analyst").get(address, headers={"Accept-Encoding": "identity"})
    small = client("analyst").get(address, headers={"Accept-Encoding": "gzip, br"})
    assert small.content == plain.content
    assert (small.headers["content-encoding"], small.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert "content-encoding" not in plain.headers
    assert int(small.headers["content-length"]) < int(plain.headers["content-length"]) / 2


def test_page__names_no_outside_address(client):
    page = client("analyst").get("")
    assert "http://" not in page.text
    assert "https://" not in page.text
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy


def test_report__may_draw_itself_and_nothing_else(client, filled):
    answer = client("analyst").get(f"reports/{DAY}")
    directives = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    assert directives["sandbox"] == "allow-scripts"
    assert directives["default-src"] == "'none'"
    assert "connect-src" not in directives
    assert directives["frame-ancestors"] == "'self'"
    assert "http" not in directives["script-src"]


def test_data__that_did_not_change_is_not_sent_again(client, filled):
    first = client("analyst").get("data/summary")
    again = client("analyst").get("data/summary", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_data__that_is_not_written_yet_is_not_found(client, bucket):
    answer = client("analyst").get("data/summary")
    assert (answer.status_code, answer.json()) == (404, {"detail": "not written yet"})
    assert client("analyst").get("data/episodes").json() == []
    assert client("analyst").get("data/reports").json() == []


def test_reports__are_the_days_that_have_one(client, filled):
    filled.objects["reports/drift/date=2026-01-19/metrics.json"] = b"{}"
    assert client("analyst").get("data/reports").json() == [DAY]


def test_alerts_csv__has_a_row_an_alert_with_its_outcome(client, filled):
    day = "2026-01-19"
    answer = client("analyst").get(f"alerts/{day}.csv")
    assert answer.headers["content-disposition"] == f'attachment; filename="alerts-{day}.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    alerts = json.loads(filled.objects[f"monitoring/days/{day}.json"])["alerts"]
    outcomes = json.loads(filled.objects[f"monitoring/cards/{day}.json"])["outcomes"]
    assert [int(row["customer_id"]) for row in rows] == [alert["customer_id"] for alert in alerts]
    for row in rows:
        frauds, cents = outcomes[row["rank"]]
        assert row["outcome"] == ("fraud" if frauds else "genuine")
        assert float(row["fraud_amount"]) == cents / 100


def test_episodes__are_dated_from_the_world_s_start(client, filled):
    assert client("analyst").get("data/episodes").json()[1] == {
        "kind": "scenario_starts",
        "start": "2026-03-17",
        "full": "2026-03-17",
        "end": None,
        "details": {"scenario": "card_testing", "intensity": 1.0},
    }


def test_bucket__that_cannot_be_read_is_said_so(client, bucket, monkeypatch):
    from fraud_monitor.storage import Storage

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("FRAUD_BUCKET", "somewhere")
    monkeypatch.setattr(bucket, "open", Storage.from_environment().open)
    answer = client("analyst").get("data/summary")
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("Bucket 'somewhere' cannot be read: Could not connect")


def test_plugin__imports_neither_fastapi_nor_boto3_of_its_own(tmp_path):
    program = (
        "import sys, airflow.plugins_manager, time;"
        "before = {*sys.modules, *sys.builtin_module_names}; start = time.perf_counter();"
        f"sys.path.append({str(PLUGINS)!r}); import fraud_monitor_plugin;"
        "print(round(time.perf_counter() - start, 3), sorted(set(sys.modules) - before))"
    )
    environment = {"AIRFLOW_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    seconds, modules = done.stdout.strip().splitlines()[-1].split(" ", 1)
    assert modules == "['fraud_monitor_plugin']"
    assert float(seconds) < 0.1


def test_page__is_loaded_when_the_server_starts_and_not_at_its_first_request(tmp_path):
    program = (
        "import sys, threading, airflow.plugins_manager;"
        f"sys.path.append({str(PLUGINS)!r}); import fraud_monitor_plugin as plugin;"
        "from fastapi import FastAPI; from fastapi.testclient import TestClient;"
        "app = FastAPI();"
        "[app.add_middleware(one['middleware']) for one in plugin.FraudMonitorPlugin.fastapi_root_middlewares];"
        "before = 'fraud_monitor.application' in sys.modules;"
        "server = TestClient(app).__enter__();"
        "[one.join() for one in threading.enumerate() if one.name == 'fraud-monitor'];"
        "print(before, 'fraud_monitor.application' in sys.modules)"
    )
    environment = {"AIRFLOW_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip().splitlines()[-1] == "False True"


def test_run_notes__cost_the_other_components_nothing(tmp_path):
    program = (
        "import sys, airflow.plugins_manager, time; before = set(sys.modules); start = time.perf_counter();"
        f"sys.path.append({str(PLUGINS)!r}); import fraud_run_notes;"
        "loaded = {name.partition('.')[0] for name in set(sys.modules) - before};"
        "print(round(time.perf_counter() - start, 3), sorted(loaded))"
    )
    environment = {"AIRFLOW_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    seconds, modules = done.stdout.strip().splitlines()[-1].split(" ", 1)
    assert modules in ("['airflow', 'fraud_run_notes']", "['airflow', 'fraud_run_notes', 'pluggy']")
    assert float(seconds) < 0.1


def test_plugins_folder__airflow_loads_three_files_of_it():
    from airflow._shared.module_loading import find_path_from_directory

    files = [str(path) for path in find_path_from_directory(str(PLUGINS), ".airflowignore", "glob")]
    loaded = {path.removeprefix(f"{PLUGINS}/") for path in files if path.endswith(".py")}
    assert loaded == {"fraud_monitor_plugin.py", "fraud_run_notes.py", "fraud_task_logs.py"}
