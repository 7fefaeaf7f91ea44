"""CloudFormation stacks: a change set is made, shown, agreed to, carried out; outputs are later stacks' parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import yaml
from botocore.exceptions import ClientError, WaiterError

from deploy.environments import HERE
from fraud.errors import FraudError

__all__ = ["STACKS", "Stacks"]

STACKS = ("storage", "network", "warehouse", "roles", "spark", "airflow", "watch")
"""Templates in the order in which they are deployed."""

_POLL = {"Delay": 5, "MaxAttempts": 1080}
_NOTHING = ("didn't contain changes", "No updates are to be performed")


class _Loader(yaml.SafeLoader):
    """Reads a template's parameters; CloudFormation's own tags (``!Ref`` and the like) are nothing to it."""


_Loader.add_multi_constructor("!", lambda loader, suffix, node: None)


class Stacks:
    """The stacks of one environment.

    Parameters
    ----------
    client
        A CloudFormation client.
    environment
        Prefix of every name.
    say
        Told what happens.
    agree
        Asked before anything is changed.
    poll
        Delay and number of polls of what takes time.
    """

    def __init__(
        self,
        client: Any,
        environment: str,
        say: Callable[[str], None],
        agree: Callable[[str], bool],
        poll: Mapping[str, int] = _POLL,
    ) -> None:
        self._client, self._environment, self._say, self._agree = client, environment, say, agree
        self._poll = dict(poll)

    def name(self, template: str) -> str:
        """Return the name of a template's stack."""
        return f"{self._environment}-fraud-{template}"

    def deploy(self, template: str, values: Mapping[str, str]) -> dict[str, str]:
        """Bring a stack to its template and return its outputs.

        Parameters
        ----------
        template
            Name of a file of this folder, without ``.yaml``.
        values
            Parameters by name; those that the template does not have are left out.

        Raises
        ------
        FraudError
            When the change was not agreed to, or failed, with the first reason that CloudFormation gives.
        """
        name, body = self.name(template), (HERE / f"{template}.yaml").read_text()
        declared = yaml.load(body, _Loader).get("Parameters", {})  # noqa: S506  (a SafeLoader)
        known = {"Environment": self._environment, **values}
        missing = [key for key, fields in declared.items() if key not in known and "Default" not in fields]
        if missing:
            raise FraudError(f"{template}.yaml: parameter {missing[0]} has no value; deploy the stacks before it first")
        exists = self._exists(name)
        change_set = self._client.create_change_set(
            StackName=name,
            ChangeSetName="deploy",
            ChangeSetType="UPDATE" if exists else "CREATE",
            TemplateBody=body,
            Parameters=[{"ParameterKey": key, "ParameterValue": known[key]} for key in declared if key in known],
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Tags=[{"Key": "environment", "Value": self._environment}, {"Key": "application", "Value": "fraud"}],
        )["Id"]
        changes = self._changes(change_set, name)
        if not changes:
            self._client.delete_change_set(ChangeSetName=change_set)
            self._say(f"{name}: nothing to change")
        else:
            self._show(name, changes)
            if not self._agree(f"Carry out these changes to {name}?"):
                self._client.delete_change_set(ChangeSetName=change_set)
                raise FraudError(f"{name} was left as it was, on request; stacks before it are changed already")
            self._client.execute_change_set(ChangeSetName=change_set)
            self._await("stack_update_complete" if exists else "stack_create_complete", name)
        return self.outputs(template)

    def outputs(self, template: str) -> dict[str, str]:
        """Return a stack's outputs; none when there is no such stack."""
        name = self.name(template)
        if not self._exists(name):
            return {}
        stack = self._client.describe_stacks(StackName=name)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def delete(self, template: str) -> None:
        """Delete a stack; what its template retains stays."""
        name = self.name(template)
        if self._exists(name):
            self._say(f"{name}: deleting")
            self._client.delete_stack(StackName=name)
            self._await("stack_delete_complete", name)

    def _exists(self, name: str) -> bool:
        try:
            stack = self._client.describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return False
            raise
        # A stack whose first change set was never carried out is none yet.
        return stack["StackStatus"] not in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE")

    def _changes(self, change_set: str, name: str) -> list[dict[str, Any]]:
        try:
            self._client.get_waiter("change_set_create_complete").wait(
                ChangeSetName=change_set, WaiterConfig={"Delay": 2, "MaxAttempts": 150}
            )
        except WaiterError:
            reason = self._client.describe_change_set(ChangeSetName=change_set).get("StatusReason", "")
            if any(text in reason for text in _NOTHING):
                return []
            raise FraudError(f"{name}: the change set failed: {reason}; mend the template or its parameters") from None
        pages = self._client.get_paginator("describe_change_set").paginate(ChangeSetName=change_set)
        return [change["ResourceChange"] for page in pages for change in page["Changes"]]

    def _show(self, name: str, changes: list[dict[str, Any]]) -> None:
        self._say(f"{name}:")
        for change in changes:
            replaced = ", REPLACED" if change.get("Replacement") == "True" else ""
            self._say(
                f"  {change['Action'].lower():7} {change['LogicalResourceId']} ({change['ResourceType']}{replaced})"
            )

    def _await(self, waiter: str, name: str) -> None:
        try:
            self._client.get_waiter(waiter).wait(StackName=name, WaiterConfig=self._poll)
        except WaiterError:
            events = self._client.describe_stack_events(StackName=name)["StackEvents"]
            failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
            reason = (
                f"{failed[-1]['LogicalResourceId']}: {failed[-1].get('ResourceStatusReason')}"
                if failed
                else "no reason given"
            )
            raise FraudError(f"{name} failed: {reason}; the stack's events in the console say more") from None
