"""The house's import rules: dependencies point one way, and what DAGs import stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "include" / "fraud"


def imports(path: Path) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.append((node.lineno, node.module))
    return found


def offenders(paths, forbidden) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in paths
        for line, name in imports(path)
        if name.split(".")[0] in forbidden
    ]


def test_library__only_orchestration_imports_airflow() -> None:
    paths = [path for path in LIBRARY.rglob("*.py") if "orchestration" not in path.parts]
    assert offenders(paths, {"airflow"}) == []


def test_library__never_imports_the_local_aws() -> None:
    assert offenders(LIBRARY.rglob("*.py"), {"moto", "local_aws", "duckdb", "sqlglot"}) == []


def test_plugin__never_imports_the_library() -> None:
    assert offenders((ROOT / "plugins").rglob("*.py"), {"fraud", "local_aws"}) == []


def test_library__only_settings_and_containers_read_the_environment() -> None:
    readers = {
        str(path.relative_to(LIBRARY)).split("/")[0]
        for path in LIBRARY.rglob("*.py")
        if "os.environ" in path.read_text() or "os.getenv" in path.read_text()
    }
    assert readers <= {"settings.py", "containers"}


def test_library__shipped_code_has_no_assert() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in (LIBRARY, ROOT / "docker", ROOT / "dags", ROOT / "plugins")
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assert)
    ]
    assert found == []


@pytest.mark.parametrize(
    "module",
    [
        "fraud.layout",
        "fraud.schema",
        "fraud.settings",
        "fraud.warehouse",
        "fraud.features.catalogue",
        "fraud.models.candidates",
        "fraud.monitoring.decision",
        "fraud.simulator.worlds",
        "fraud.orchestration.requests",
        "fraud.orchestration.plans",
        "fraud.orchestration.deliveries",
        "fraud.orchestration.training",
        "fraud.orchestration.drift",
    ],
)
def test_module_that_dags_import__needs_only_what_a_worker_has(module: str) -> None:
    heavy = "numpy pandas pyarrow sklearn xgboost numba evidently scipy duckdb moto"
    program = f"import sys, {module}; print([m for m in '{heavy}'.split() if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
