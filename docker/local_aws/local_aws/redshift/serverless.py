"""Redshift Serverless: namespaces, which hold a database, and workgroups, through which it is reached."""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from moto.core.models import DEFAULT_ACCOUNT_ID

from local_aws.redshift.engine import Engine
from local_aws.redshift.protocol import Document, Operations, RequestError

__all__ = ["Serverless"]


class Serverless:
    """Operations of ``redshift-serverless``, and the databases behind them.

    Parameters
    ----------
    folder
        Where namespaces keep their databases; what exists is written to ``serverless.json``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._file = folder, folder / "serverless.json"
        self._state: dict[str, dict[str, Document]] = {"namespace": {}, "workgroup": {}}
        if self._file.exists():
            self._state = json.loads(self._file.read_text("utf-8"))
        self._engines: dict[tuple[str, str], Engine] = {}
        self._lock = threading.RLock()

    def operations_in(self, region: str) -> Operations:
        """Return the operations by their name in the API; a region only shows in the names given to things."""
        found: dict[str, Callable[[Document], Document]] = {
            "CreateNamespace": lambda request: self._create_namespace(region, request),
            "CreateWorkgroup": lambda request: self._create_workgroup(region, request),
        }
        for kind in ("namespace", "workgroup"):
            found[f"Get{kind.title()}"] = lambda request, kind=kind: {kind: self._find(kind, request)}  # type: ignore[misc]
            found[f"List{kind.title()}s"] = lambda _, kind=kind: {f"{kind}s": [*self._state[kind].values()]}  # type: ignore[misc]
            found[f"Delete{kind.title()}"] = lambda request, kind=kind: self._delete(kind, request)  # type: ignore[misc]
        return found

    def engine(self, workgroup: str, database: str) -> Engine:
        """Return a database of a workgroup's namespace, opened when first asked for.

        Raises
        ------
        RequestError
            When there is no such workgroup, or no such database in its namespace.
        """
        name = workgroup.rpartition("/")[2]
        with self._lock:
            known = self._state["workgroup"].get(name)
            if known is None:
                raise RequestError(
                    "ValidationException", f"Redshift endpoint doesn't exist in this region: workgroup {name!r}"
                )
            namespace = self._state["namespace"][known["namespaceName"]]
            if database != namespace["dbName"]:
                raise RequestError("ValidationException", f'FATAL: database "{database}" does not exist')
            key = (namespace["namespaceName"], database)
            if key not in self._engines:
                self._engines[key] = Engine(self._folder / "databases" / key[0], database)
            return self._engines[key]

    def _find(self, kind: str, request: Document) -> Document:
        name = str(request.get(f"{kind}Name", ""))
        known = self._state[kind].get(name)
        if known is None:
            raise RequestError("ResourceNotFoundException", f"The {kind} {name!r} does not exist.")
        return known

    def _create_namespace(self, region: str, request: Document) -> Document:
        name = str(request["namespaceName"])
        document = {
            "namespaceName": name,
            "dbName": request.get("dbName", "dev"),
            "adminUsername": request.get("adminUsername", "admin"),
            "defaultIamRoleArn": request.get("defaultIamRoleArn", ""),
            "iamRoles": request.get("iamRoles", []),
            "status": "AVAILABLE",
        }
        return {"namespace": self._add(region, "namespace", name, document)}

    def _create_workgroup(self, region: str, request: Document) -> Document:
        name = str(request["workgroupName"])
        self._find("namespace", request)
        capacity = int(request.get("baseCapacity", 128))
        if capacity % 4 or not 4 <= capacity <= 1024:
            raise RequestError(
                "ValidationException", f"baseCapacity {capacity} must be a multiple of 4 between 4 and 1024"
            )
        document = {
            "workgroupName": name,
            "namespaceName": request["namespaceName"],
            "baseCapacity": capacity,
            "endpoint": {
                "address": f"{name}.{DEFAULT_ACCOUNT_ID}.{region}.redshift-serverless.amazonaws.com",
                "port": 5439,
            },
            "port": 5439,
            "publiclyAccessible": bool(request.get("publiclyAccessible", False)),
            "status": "AVAILABLE",
        }
        return {"workgroup": self._add(region, "workgroup", name, document)}

    def _add(self, region: str, kind: str, name: str, document: Document) -> Document:
        with self._lock:
            if name in self._state[kind]:
                raise RequestError("ConflictException", f"{kind.title()} {name} already exists.")
            identity = str(uuid.uuid4())
            document |= {
                f"{kind}Id": identity,
                f"{kind}Arn": f"arn:aws:redshift-serverless:{region}:{DEFAULT_ACCOUNT_ID}:{kind}/{identity}",
                "creationDate": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            }
            self._state[kind][name] = document
            self._save()
        return document

    def _delete(self, kind: str, request: Document) -> Document:
        with self._lock:
            document = self._find(kind, request)
            name = document[f"{kind}Name"]
            if kind == "namespace":
                users = [one for one in self._state["workgroup"].values() if one["namespaceName"] == name]
                if users:
                    raise RequestError("ConflictException", f"Namespace {name} is used by {users[0]['workgroupName']}.")
                for key in [key for key in self._engines if key[0] == name]:
                    self._engines.pop(key).delete()
            del self._state[kind][name]
            self._save()
        return {kind: document | {"status": "DELETING"}}

    def _save(self) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps(self._state), "utf-8")
        os.replace(fresh, self._file)

    def close(self) -> None:
        """Close the databases."""
        for engine in self._engines.values():
            engine.close()
