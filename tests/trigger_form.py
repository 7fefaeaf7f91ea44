"""Airflow's form that triggers a DAG, as a person fills it in: by the fields' names."""

from __future__ import annotations

from typing import Any


class TriggerForm:
    """The form of one DAG, open in a browser's window."""

    def __init__(self, page: Any, url: str, dag_id: str) -> None:
        self.page = page
        page.goto(f"{url}/dags/{dag_id}")
        page.get_by_test_id("trigger-dag-button").click()
        page.wait_for_selector("[id^=element_]")

    @property
    def submit_button(self) -> Any:
        return self.page.get_by_test_id("trigger-dag-submit")

    def section(self, title: str) -> None:
        """Unfold a section."""
        self.page.get_by_role("button", name=title).click()

    def field(self, name: str) -> Any:
        """Return a field's element."""
        return self.page.locator(f"input[name=element_{name}]:not([type=hidden]), textarea[name=element_{name}]")

    def fill(self, name: str, value: object) -> None:
        """Fill in a day, a number or a text."""
        self.field(name).fill(str(value))
        self.field(name).blur()

    def options(self, name: str) -> list[str]:
        """Return what a field's list offers, beside what is chosen."""
        field = self._opened(name)
        offered = self._offered(name).all_inner_texts()
        field.blur()
        return offered

    def choose(self, name: str, *values: str) -> None:
        """Choose from a field's list these values and no others; none empties the field."""
        chosen = self.page.locator(f"#element_{name} [aria-label^='Remove ']")
        while chosen.count():
            chosen.last.click()
        for value in values:
            field = self._opened(name)
            self._offered(name).get_by_text(value, exact=True).click()
            field.blur()

    def _opened(self, name: str) -> Any:
        field = self.page.locator(f"#element_{name} input[role=combobox]")
        field.click()
        self._offered(name).first.wait_for()
        return field

    def _offered(self, name: str) -> Any:
        return self.page.locator(f"#element_{name} [role=option]")

    def submit(self) -> None:
        """Trigger the run and wait until Airflow has taken it."""
        with self.page.expect_response(lambda answer: answer.url.endswith("/dagRuns")) as answer:
            self.submit_button.click()
        if not answer.value.ok:
            raise AssertionError(f"Airflow refused the run: {answer.value.text()}")
        self.run_id = answer.value.json()["dag_run_id"]
