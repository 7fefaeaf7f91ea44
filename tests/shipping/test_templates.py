"""What the templates promise: checked by the tools, no wildcard action, wildcard resources only where written down."""

import re
import subprocess

import pytest
import yaml
from deploy.package import ROOT

from policies import load_template, roles_of, statements

TEMPLATES = sorted((ROOT / "deploy").glob("*.yaml"))
TRACKED = ("deploy", "include", "dags", "plugins", "docker", ".github", ".devcontainer", "requirements")
ACCOUNT = re.compile(r"(?<![\d.])\d{12}(?!\d)")
REGION = re.compile(r"\b(us|eu|ap|ca|sa|me|af|il|mx)-(gov-)?(north|south|east|west|central|northeast|southeast)-\d\b")
KEY = re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_templates__cfn_lint_and_checkov_find_nothing():
    done = subprocess.run(["make", "check-deploy"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_template__whatever_is_not_checked_has_a_reason(path):
    for name, resource in load_template(path)["Resources"].items():
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
            assert len(skip["comment"]) > 20, f"{name}: {skip['id']}"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_template__no_role_may_use_a_wildcard_action(path):
    for role, statement in statements(path):
        if statement["Effect"] == "Allow":
            assert [action for action in statement["Action"] if "*" in action] == [], role


def test_templates__wildcard_resources_are_listed_with_their_reason():
    listed = (ROOT / "docs" / "deploy.md").read_text()
    missing = [
        f"{path.stem}: {statement['Sid']}"
        for path in TEMPLATES
        for _, statement in statements(path)
        if statement["Effect"] == "Allow" and "*" in statement["Resource"] and f"`{statement['Sid']}`" not in listed
    ]
    assert missing == []


def test_boundary__holds_all_that_the_roles_may_do_and_no_more():
    granted = {
        action
        for name in ("network", "warehouse", "roles", "spark")
        for _, statement in statements(ROOT / "deploy" / f"{name}.yaml")
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
    }
    boundary = roles_of(ROOT / "deploy" / "deployer.yaml")["Boundary"]
    assert {action for statement in boundary for action in statement["Action"]} == granted


def test_repository__names_no_account_no_region_no_key():
    files = subprocess.run(["git", "ls-files", *TRACKED], cwd=ROOT, capture_output=True, text=True, check=True)
    found = []
    for name in files.stdout.split():
        # Locks are hashes; the local AWS has to say some region, and moto's account is its own.
        if (
            name.endswith((".txt", ".js", ".css"))
            or name.startswith("docker/local_aws/")
            or not (ROOT / name).is_file()
        ):
            continue
        text = (ROOT / name).read_text(errors="replace")
        found += [f"{name}: {match[0]}" for pattern in (ACCOUNT, REGION, KEY) for match in pattern.finditer(text)]
    assert found == []


def test_workflow__calls_targets_that_exist_and_stores_no_key():
    text = (ROOT / ".github" / "workflows" / "ci.yaml").read_text()
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    called = set(re.findall(r"\bmake ([a-z-]+)", text))
    assert {"image", "containers", "deploy", "next-airflow"} <= called
    assert called <= targets
    assert "id-token: write" in text
    assert "secrets." not in text


def test_compose__every_service_is_read_only_and_waits_for_no_health_check():
    stack = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())
    assert set(stack["services"]) == {
        "local-aws", "postgres", "prepare", "api-server", "scheduler", "dag-processor", "triggerer",
    }  # fmt: skip
    for name, service in stack["services"].items():
        assert service["read_only"] is True, name
        assert (ROOT / "docker" / service["build"]["context"] / service["build"]["dockerfile"]).is_file(), name
    assert "service_healthy" not in (ROOT / "docker" / "compose.yaml").read_text()
