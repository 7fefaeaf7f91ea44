"""Erasing a card on request, in every layer at once: what the tasks of the step ``erase`` do (docs/security.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import task, task_group
from airflow.sdk.exceptions import AirflowSkipException

from fraud import layout, warehouse
from fraud.erasure.erased import Erased
from fraud.errors import ConflictError
from fraud.orchestration import jobs, manifests, notes
from fraud.orchestration.groups import Groups, attempt
from fraud.orchestration.objects import Objects
from fraud.orchestration.operators import fail_fast
from fraud.settings import Settings

__all__ = ["count_left", "delete_rows", "erase", "extend_list", "plan_job", "unload_card"]

Request = Mapping[str, Any]

_NOT_LOOKED_AT = ("airflow/", "erasures/")
"""Code, and the list itself."""

_MODEL = ".tar.gz"


def unload_card(settings: Settings, objects: Objects, request: Request) -> str:
    """Return the SQL that unloads the card's transactions.

    Raises
    ------
    ConflictError
        When a day is under way: what it has read would be written after the erasure.
    """
    written, closed = (
        {key.rpartition("/")[2] for key in objects.list(f"manifests/{s}/")} for s in ("transactions", "drift")
    )
    under_way = sorted(name for name in written - closed if name[:10] >= str(settings.first_day))
    if under_way:
        raise ConflictError(
            f"{under_way[0][:10]} is under way: delivered, and not closed; pause fraud_daily, wait for its runs or "
            "mend them, then clear this task"
        )
    card = -1 if request["card"] is None else int(request["card"])
    return warehouse.unload(
        warehouse.query("card_transactions", card=card), settings.layout.uri(f"{_folder(request)}card/"), "csv"
    )


def extend_list(objects: Objects, request: Request) -> Erased:
    """Add the card and its transactions to the list of what is erased, and stage the list for the warehouse."""
    erased = Erased.from_json(objects.read_text(layout.erased()), layout.erased())
    if request["card"] is not None:
        lines = (line for key in objects.list(f"{_folder(request)}card/") for line in objects.lines(key))
        erased = erased.with_more([int(request["card"])], [int(line) for line in lines if line])
    objects.write_text(layout.erased(), erased.to_json())
    for name, ids in (("customers", erased.customers), ("transactions", erased.transactions)):
        text = "".join(f"{number}\n" for number in sorted(ids))
        objects.write_text(f"{layout.erasures()}{name}.csv", text, "text/csv")
    return erased


def plan_job(settings: Settings, objects: Objects, request: Request, step: str, attempt: int) -> dict[str, Any]:
    """Plan a job over every object of the deployment: the one that erases, or the one that looks for what is left."""
    keys = [key for key in objects.list("") if not key.startswith(_NOT_LOOKED_AT) and not key.endswith((_MODEL, "/"))]
    listed = manifests.input_manifest(objects, f"{_folder(request)}inputs/{step}.json", "", keys)
    uri = settings.layout.uri
    inputs = [jobs.Input("objects", listed, manifest=True), jobs.Input("erasures", uri(layout.erasures()))]
    outputs = {}
    if step == "erase":
        outputs["changed"] = uri(f"{_folder(request)}changed/")
    else:
        inputs.append(jobs.Input("left", uri(f"{_folder(request)}left/")))
    name = jobs.job_name(settings, step, request["run"], attempt)
    return jobs.processing_job(settings, name, [step], inputs, outputs, jobs.labels(request["run"], ""))


def plan_replacement(settings: Settings, request: Request, attempt: int) -> dict[str, Any]:
    """Plan the job that puts the changed objects in place."""
    uri = settings.layout.uri
    name = jobs.job_name(settings, "replace-erased", request["run"], attempt)
    changed = jobs.Input("changed", uri(f"{_folder(request)}changed/"))
    return jobs.processing_job(
        settings, name, ["replace"], [changed], {"objects": uri("")}, jobs.labels(request["run"], "")
    )


def delete_rows(settings: Settings) -> list[str]:
    """Return the SQL that deletes from the warehouse what was erased."""
    return warehouse.erase(*_lists(settings))


def count_left(settings: Settings, request: Request) -> list[str]:
    """Return the SQL that unloads how many rows the warehouse still has of what was erased."""
    return warehouse.count_erased(*_lists(settings), settings.layout.uri(f"{_folder(request)}left/"))


def _lists(settings: Settings) -> tuple[str, str]:
    uri = settings.layout.uri
    return uri(f"{layout.erasures()}customers.csv"), uri(f"{layout.erasures()}transactions.csv")


def _folder(request: Request) -> str:
    return f"staging/{request['run']}/"


def erase(groups: Groups, request: Any) -> Any:
    """Erase a card in every layer, and look through all of them afterwards."""
    settings, objects, operators = groups.settings, groups.objects, groups.operators

    @task(trigger_rule="none_failed")
    @fail_fast
    def start_erasure(request: dict[str, Any]) -> str:
        """Skip the group unless it was asked for; return the SQL that unloads the card's transactions."""
        if not request["erase"]:
            raise AirflowSkipException("step 'erase' was not asked for")
        return unload_card(settings, objects, request)

    @task
    @fail_fast
    def plan_erasure(request: dict[str, Any]) -> dict[str, Any]:
        """Add the card to the list of what is erased, and plan the job that takes it out of every object."""
        extend_list(objects, request)
        return plan_job(settings, objects, request, "erase", attempt())

    @task
    @fail_fast
    def plan_replacing(request: dict[str, Any]) -> dict[str, Any]:
        """Plan the job that puts the changed objects in place."""
        return plan_replacement(settings, request, attempt())

    @task
    @fail_fast
    def start_deletion() -> list[str]:
        """Return the SQL that deletes the card from the warehouse."""
        return delete_rows(settings)

    @task
    @fail_fast
    def start_count(request: dict[str, Any]) -> list[str]:
        """Return the SQL that counts what the warehouse still has of it."""
        return count_left(settings, request)

    @task
    @fail_fast
    def plan_verification(request: dict[str, Any]) -> dict[str, Any]:
        """Plan the job that looks for the card in every object, and at the warehouse's counts."""
        job = plan_job(settings, objects, request, "verify_erasure", attempt())
        report = objects.read_json(f"{layout.erasures()}last.json")
        notes.say(f"Erased {report['rows']:,} rows; {report['files']:,} objects were written again")
        return job

    @task_group(group_id="erase")
    def group() -> None:
        unload = operators.sql("unload_card", start_erasure(request))
        plan = plan_erasure(request)
        unload >> plan
        replacing = plan_replacing(request)
        operators.process("erase_card", plan) >> replacing
        deletion = start_deletion()
        operators.process("replace_objects", replacing) >> deletion
        count = start_count(request)
        operators.sql("delete_rows", deletion) >> count
        verification = plan_verification(request)
        operators.sql("count_rows_left", count) >> verification
        operators.process("verify_erasure", verification)

    return group()
