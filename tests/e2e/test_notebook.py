"""The notebook, executed over the demo's warehouse by a kernel of its own environment."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from local_aws.stack.environment import REGION

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "analysis.ipynb"
EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[2])
"""


def test_notebook__is_kept_without_outputs():
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    assert [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_notebook__shows_alerts_a_card_and_the_models(demo, tmp_path):
    subprocess.run(["make", "-s", ".venv-deploy/.installed"], cwd=ROOT, check=True, capture_output=True)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "FRAUD_"))},
        "AWS_ENDPOINT_URL": demo.endpoint,
        "AWS_ACCESS_KEY_ID": "analyst",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": REGION,
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "HOME": str(tmp_path),
    }
    command = [ROOT / ".venv-deploy" / "bin" / "python", "-c", EXECUTE, NOTEBOOK, tmp_path / "done.ipynb"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    outputs = [
        output
        for cell in json.loads((tmp_path / "done.ipynb").read_text())["cells"]
        for output in cell.get("outputs", [])
    ]
    shown = [kind for output in outputs for kind in output.get("data", {})]
    assert shown.count("image/png") == 2
    assert shown.count("text/html") == 2
    tables = "".join("".join(output["data"].get("text/html", "")) for output in outputs if "data" in output)
    assert "customer_id" in tables
    assert "promoted" in tables
