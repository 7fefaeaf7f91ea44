"""What the warehouse needs beyond CloudFormation: a limit on what it may use, and what Airflow's role may do in it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from fraud.errors import FraudError

__all__ = ["allow_role", "limit_usage", "run"]

_DONE = ("FINISHED", "FAILED", "ABORTED")


def limit_usage(client: Any, workgroup_arn: str, daily_rpu_hours: int) -> None:
    """Stop queries for the rest of a day (UTC) that has used so many RPU hours."""
    wanted = {"amount": daily_rpu_hours, "breachAction": "deactivate"}
    limits = client.list_usage_limits(resourceArn=workgroup_arn, usageType="serverless-compute")["usageLimits"]
    daily = [limit for limit in limits if limit["period"] == "daily"]
    if daily:
        client.update_usage_limit(usageLimitId=daily[0]["usageLimitId"], **wanted)
    else:
        client.create_usage_limit(resourceArn=workgroup_arn, usageType="serverless-compute", period="daily", **wanted)


def allow_role(client: Any, workgroup: str, database: str, secret_arn: str, role_arn: str) -> None:
    """Let the role create the project's schema and own it; running this again changes nothing.

    The Data API signs a role in as the database user ``IAMR:<role name>``.
    """
    user = f"IAMR:{role_arn.rpartition('/')[2]}"
    target = {"WorkgroupName": workgroup, "Database": database, "SecretArn": secret_arn}
    known = run(client, ["SELECT usename FROM pg_user WHERE usename = :name"], {"name": user}, **target)
    if not known:
        run(client, [f'CREATE USER "{user}" PASSWORD DISABLE'], **target)
    run(client, [f'GRANT CREATE, TEMPORARY ON DATABASE {database} TO "{user}"'], **target)


def run(client: Any, sql: Sequence[str], values: dict[str, str] | None = None, **target: str) -> list[Any]:
    """Run statements, one after the other, and return the rows of the last.

    Raises
    ------
    FraudError
        When one fails, with the warehouse's reason.
    """
    rows: list[Any] = []
    for text in sql:
        bound = {"Parameters": [{"name": name, "value": value} for name, value in values.items()]} if values else {}
        statement = client.execute_statement(Sql=text, **bound, **target)["Id"]
        while (state := client.describe_statement(Id=statement))["Status"] not in _DONE:
            time.sleep(0.5)
        if state["Status"] != "FINISHED":
            raise FraudError(f"the warehouse refused {text!r}: {state.get('Error', state['Status'])}")
        rows = client.get_statement_result(Id=statement)["Records"] if state.get("HasResultSet") else []
    return rows
