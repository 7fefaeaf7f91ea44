"""The Fraud monitor as people use it: in Chromium, inside a real Airflow under a base path."""

import csv
import json
import re
from datetime import timedelta

import pytest

import times
from airflow_site import PASSWORDS

from .conftest import LAST

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

VIEWS = ["overview", "alerts", "models", "money", "report"]
EARLIER = LAST - timedelta(days=1)


def test_plugin__is_listed_without_import_errors(site):
    with site.client("admin") as client:
        plugins = {plugin["name"]: plugin for plugin in client.get("/api/v2/plugins").json()["plugins"]}
        assert set(plugins) == {"fraud_monitor", "fraud_run_notes", "fraud_task_logs"}
        plugin = plugins["fraud_monitor"]
        assert {view["destination"] for view in plugin["external_views"]} == {"nav", "dag_run"}
        assert client.get("/api/v2/plugins/importErrors").json()["total_entries"] == 0


def test_login__leads_from_the_form_to_the_page_by_the_navigation(visit, site):
    window = visit(None)
    page = window.page
    page.goto(f"{site.url}/")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", PASSWORDS["admin"])
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Browse").click()
    page.get_by_role("menuitem", name="Fraud monitor").click()
    frame = page.wait_for_selector("iframe[title='Fraud monitor']").content_frame()
    frame.wait_for_selector("text=Open alarms")
    assert "/prefix/" in frame.url


def test_overview__says_the_state_in_one_glance(visit):
    page = visit().open("")
    glance = page.locator(".glance").inner_text()
    assert "v3 xgboost builtin" in glance
    assert "has scored 10 days, since 1 Apr" in glance
    assert "Fri, 10 Apr" in glance.replace("10 Apr 2026", "10 Apr")
    assert "None" in glance
    page.wait_for_selector("text=waits to be unpaused")


def test_range__changes_what_is_shown_and_the_address(visit):
    page = visit().open("")
    assert page.locator("text=challenger refused").count() == 1
    page.get_by_role("button", name="14 d").click()
    page.wait_for_selector("[aria-pressed=true]:has-text('14 d')")
    assert f"to={LAST}" in page.url
    assert page.locator("text=challenger refused").count() == 0
    page.fill("input[name=from]", "2026-01-01")
    page.wait_for_selector("text=challenger refused")
    assert "from=2026-01-01" in page.url


def test_chart__is_read_by_keyboard_day_by_day(visit):
    page = visit().open("")
    chart = page.get_by_role("slider", name=re.compile("^Average precision"))
    chart.focus()
    last = chart.get_attribute("aria-valuetext")
    assert "3 Apr 2026" in last
    assert re.search(r"7 labelled days 0\.\d{3}", last)
    page.keyboard.press("ArrowLeft")
    assert "2 Apr 2026" in chart.get_attribute("aria-valuetext")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("#alerts/2026-04-02"))


def test_heat_map__names_feature_value_and_threshold_and_opens_the_report(visit):
    page = visit().open("")
    heat = page.get_by_role("slider", name=re.compile("^Drift of every feature"))
    heat.focus()
    page.keyboard.press("ArrowDown")
    assert re.search(r"10 Apr 2026 · Amount 0\.\d{3}, threshold 0\.1", heat.get_attribute("aria-valuetext"))
    page.keyboard.press("Enter")
    page.wait_for_selector("iframe.report")
    assert f"#report/{LAST}" in page.url


def test_alerts__sort_by_every_column_both_ways(visit):
    page = visit().open(f"#alerts/{EARLIER}")
    page.wait_for_selector("tr.row")
    for name, read in (("Card", int), ("#", int), ("Score", float)):
        position = {"#": 1, "Card": 2, "Score": 3}[name]
        for direction, reverse in (("ascending", False), ("descending", True)):
            page.get_by_role("button", name=name, exact=False).and_(page.locator(".sort")).first.click()
            page.wait_for_selector(f"th[aria-sort={direction}]")
            cells = page.locator(f"tr.row td:nth-child({position})").all_inner_texts()
            values = [read(cell) for cell in cells]
            assert values == sorted(values, reverse=reverse)
            assert len(values) == 100


def test_alerts__filter_by_card_and_outcome(visit):
    page = visit().open(f"#alerts/{EARLIER}")
    page.wait_for_selector("tr.row")
    card = page.locator("tr.row strong").first.inner_text()
    page.fill("input[name=card]", card)
    assert page.locator("tr.row").count() >= 1
    assert all(card in text for text in page.locator("tr.row strong").all_inner_texts())
    page.fill("input[name=card]", "")
    page.select_option("select[name=outcome]", "fraud")
    frauds = page.locator("tr.row").count()
    assert 0 < frauds < 100
    page.select_option("select[name=outcome]", "genuine")
    assert page.locator("tr.row").count() == 100 - frauds
    page.fill("input[name=card]", "no card")
    assert page.locator("text=No alert matches").count() == 1


def test_alerts__open_to_say_why_and_show_the_card_s_month(visit):
    page = visit().open(f"#alerts/{EARLIER}")
    page.locator(".open-row").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("svg.history")
    assert page.locator(".contribution").count() == 3
    assert page.locator("svg.history circle").count() > 10
    assert page.locator(".open-row").first.get_attribute("aria-expanded") == "true"
    assert "in 30 days" in page.get_by_role("img").get_attribute("aria-label")


def test_alerts__are_downloaded_as_csv_even_out_of_airflow_s_frame(visit):
    window = visit()
    frame = window.framed()
    frame.click("nav >> text=Alerts")
    frame.wait_for_selector("tr.row")
    with window.page.expect_download() as download:
        frame.click("text=Download CSV")
    with open(download.value.path(), newline="") as file:
        rows = list(csv.DictReader(file))
    assert download.value.suggested_filename == f"alerts-{LAST}.csv"
    assert [int(row["customer_id"]) for row in rows] == [
        int(text) for text in frame.locator("tr.row strong").all_inner_texts()
    ]


def test_models__show_the_comparison_that_decided(visit):
    page = visit().open("#models?version=3")
    entry = page.locator("#version-3")
    text = entry.inner_text()
    assert "champion v1" in text
    assert "average precision +0.210" in text
    assert "11,520 transactions of 1,980 held-out customers" in text
    assert page.locator("#version-2 .pill").first.inner_text() == "refused"


def test_money__adds_up_to_what_the_summary_says(visit):
    window = visit()
    page = window.open(f"#money?from=2026-01-01&to={LAST}")
    summary = json.loads(window.context.request.get(f"{window.site.url}/fraud/data/summary").text())
    caught = sum(cents or 0 for cents in summary["caught_cents"])
    spent = sum(cards or 0 for cards in summary["investigated"]) * 1000
    shown = [int(text.replace(",", "").replace("−", "-")) for text in page.locator(".figure-big").all_inner_texts()]
    assert shown[:3] == [round(caught / 100), round(spent / 100), round((caught - spent) / 100)]


def test_report__opens_in_a_frame_that_can_reach_nothing(visit):
    page = visit().open(f"#report/{LAST}")
    frame = page.wait_for_selector("iframe.report").content_frame()
    frame.wait_for_selector(".js-plotly-plot .main-svg")  # Evidently drew itself under the policy
    assert "tx_amount" in frame.inner_text("body")
    assert frame.evaluate("window.origin") == "null"
    assert frame.evaluate("fetch('data/summary').then(() => 'reached', () => 'refused')") == "refused"
    assert frame.evaluate("(() => { try { return parent.document.title } catch { return 'refused' } })()") == "refused"


def test_report__of_a_day_without_one_says_why_and_offers_another(visit):
    page = visit().open("#report/2026-04-09")
    page.wait_for_selector("text=No report was kept for Thu, 9 Apr 2026")
    page.click("text=Open the report of")
    page.wait_for_selector("iframe.report")


def test_run__is_reached_from_the_page_and_leads_back_to_its_day(visit, site):
    window = visit()
    frame = window.framed()
    frame.click("nav >> text=Alerts")
    frame.wait_for_selector("tr.row")
    frame.click("text=Airflow run")
    window.page.wait_for_url(re.compile("/prefix/dags/fraud_daily/runs/"))
    window.page.click("a:has-text('Fraud monitor')")
    back = window.page.wait_for_selector("iframe[title='Fraud monitor']").content_frame()
    back.wait_for_selector("text=Alerts of")
    assert f"#alerts/{LAST}" in back.url


def test_run__that_closed_no_day_says_so(visit):
    page = visit().open("?dag_id=fraud_daily&run_id=scheduled__2031-01-01")
    page.wait_for_selector("text=has closed no day and registered no model (yet)")


def test_run__of_a_training_opens_the_model_that_it_registered(visit):
    page = visit().open("?dag_id=fraud_training&run_id=drift__2026-03-31")
    page.wait_for_selector("#version-3[open]")


def test_viewer__sees_the_page_but_may_not_trigger(visit, site):
    window = visit("viewer")
    window.open("").wait_for_selector("text=Open alarms")
    answer = window.context.request.post(f"{site.url}/api/v2/dags/fraud_history/dagRuns", data={"logical_date": None})
    assert answer.status == 403


def test_anonymous__sees_where_to_log_in_and_nothing_else(visit, site):
    window = visit(None)
    page = window.page
    page.goto(f"{site.url}/fraud/")
    assert page.locator("h1").inner_text() == "Fraud monitor"
    assert page.get_by_role("link", name="Log in to Airflow").count() == 1
    assert "v3" not in page.content()
    for path in ("data/summary", f"alerts/{LAST}.csv", f"reports/{LAST}"):
        assert window.context.request.get(f"{site.url}/fraud/{path}").status == 401
    window.problems.clear()  # the refusals themselves


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_view__has_no_serious_accessibility_violation(visit, view, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = visit(scheme=scheme).open(f"#{view}")
    page.wait_for_timeout(300)
    if view == "alerts":
        page.locator(".open-row").first.click()
        page.fill("input[name=card]", page.locator("tr.row strong").first.inner_text()[:2])  # some rows say it all
    found = Axe().run(page, options={"iframes": False}).response["violations"]
    serious = [
        f"{v['id']}: {node['target']}" for v in found if v["impact"] in ("serious", "critical") for node in v["nodes"]
    ]
    assert serious == []


@pytest.mark.parametrize("view", VIEWS)
def test_view__fits_a_phone(visit, view):
    page = visit(size=(390, 844)).open(f"#{view}")
    if view == "alerts":
        page.locator(".open-row").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_page__follows_airflow_s_theme(visit):
    window = visit()
    frame = window.framed()
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    before = frame.evaluate(ground)
    window.page.evaluate("document.documentElement.className = 'dark'")
    frame.wait_for_function(f"{ground} !== {json.dumps(before)}")


def test_keyboard__reaches_the_content_first(visit):
    page = visit().open("")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize(
    ("missing", "view", "words"),
    [
        (["summary", "models"], "overview", "Run the DAG fraud_history once"),
        (["summary", "models"], "models", "Models appear once the drift step has closed a day"),
        (["cards"], "alerts", "investigators report on the next day"),
        (["labels"], "overview", "Labels arrive about 7 days after a transaction"),
        (["labels"], "money", "Investigators report on the day after an alert"),
        (["reports"], "report", "The drift step writes one for every day"),
    ],
)
def test_empty__says_what_will_fill_it(visit, missing, view, words):
    window = visit()

    def without_labels(route):
        content = route.fetch().json()
        for name in content:
            if name.startswith(("day_", "long_", "labelled_day", "investigated")):
                content[name] = [None] * len(content["dates"])
        route.fulfill(json=content)

    for name in missing:
        if name == "labels":
            window.page.route("**/data/summary", without_labels)
        elif name == "reports":
            window.page.route("**/data/reports", lambda route: route.fulfill(json=[]))
        else:
            window.page.route(
                f"**/data/{name}*", lambda route: route.fulfill(status=404, json={"detail": "not written yet"})
            )
            window.page.route(
                f"**/data/{name}/*", lambda route: route.fulfill(status=404, json={"detail": "not written yet"})
            )
    page = window.open(f"#{view}")
    page.wait_for_selector(f"text={words}")
    window.problems[:] = [problem for problem in window.problems if "404" not in problem]


def test_page__opens_three_years_of_history_in_less_than_500_kilobytes(visit, three_years):
    window = visit(fresh=True)
    window.page.add_init_script(WATCH)
    opened = [open_afresh(window) for _ in range(9)]
    window.context.close()
    times.note("opened", [one["drawn"] for one in opened])
    # What is sent, and what it unpacks to.
    assert all(80_000 < one["sent"] < one["unpacked"] <= 500_000 for one in opened), opened


def open_afresh(window):
    """Open the page from one of Airflow's, nothing in the browser's cache.

    Milliseconds from the navigation on, until all is on the screen (drawn); and bytes.
    """
    page = window.page
    page.goto(f"{window.site.url}/api/v2/version")
    page.context.new_cdp_session(page).send("Network.clearBrowserCache")
    window.open("")
    page.wait_for_selector("html[data-drawn]")
    page.wait_for_load_state("networkidle")  # the next opening does not wait for this one's end
    return page.evaluate(OPENED)


# Charts are drawn at the end of a frame, so the first that begins with all of them comes after the one that shows them.
WATCH = """{
  const look = () => {
    const ready = document.querySelector("main[aria-busy=false]") && document.querySelectorAll("canvas").length === 4;
    if (ready) document.documentElement.dataset.drawn = performance.now();
    else requestAnimationFrame(look);
  };
  look();
}"""

OPENED = """() => {
  const entries = performance.getEntries().filter((one) => one.responseEnd && !one.name.includes("/api/v2/"));
  const sum = (name) => entries.reduce((total, one) => total + (one[name] ?? 0), 0);
  return {
    drawn: Number(document.documentElement.dataset.drawn),
    first_paint: performance.getEntriesByName("first-contentful-paint")[0].startTime,
    sent: sum("transferSize"),
    unpacked: sum("decodedBodySize"),
  };
}"""
