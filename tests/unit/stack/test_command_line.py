"""`fraud-local` refuses bad input in one sentence, with an exit code of its own, and starts nothing."""

import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from airflow_site import free_port
from fraud.errors import ConfigurationError, ConflictError
from local_aws.cli import app, main
from local_aws.stack.processes import marked

ROOT = Path(__file__).parents[3]


class Done(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs ``fraud-local`` in this process, as its console script does."""

    def run(home: Path, *arguments: str, **variables: str) -> Done:
        ports = {"PORT": str(free_port()), "AWS_PORT": str(free_port())}
        for name, value in {"FRAUD_LOCAL_HOME": str(home), **ports, **variables}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["fraud-local", *arguments])
        code: Any = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        return Done(int(code), *capsys.readouterr())

    return run


def refused(done: Done, exit_code: int, sentence: str, home: Path) -> None:
    assert re.fullmatch(f"fraud-local: {sentence}\n", done.stderr), done.stderr
    assert done.returncode == exit_code
    assert marked(str(home)) == []


def test_up__a_taken_port_is_named_and_nothing_is_left_running(run: Run, tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        done = run(tmp_path, "up", "--port", str(port))
    refused(
        done,
        ConflictError.exit_code,
        rf"port {port} is taken by .*; stop it, or choose another port.* PORT=\d+",
        tmp_path,
    )


def test_up__would_not_talk_to_the_real_aws(run: Run, tmp_path: Path) -> None:
    done = run(tmp_path, "up", AWS_IGNORE_CONFIGURED_ENDPOINT_URLS="true")
    refused(done, ConfigurationError.exit_code, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is true.*", tmp_path)


def test_up__a_setting_that_is_wrong_is_named(run: Run, tmp_path: Path) -> None:
    done = run(tmp_path, "up", FRAUD_ALERT_BUDGET="many")
    refused(done, ConfigurationError.exit_code, "FRAUD_ALERT_BUDGET: .*", tmp_path)


def test_demo__an_unknown_world_is_named_with_those_there_are(run: Run, tmp_path: Path) -> None:
    done = run(tmp_path / "state", "demo", "--world", "atlantis")
    refused(done, ConfigurationError.exit_code, ".*'atlantis'.*demo.*", tmp_path)
    assert not (tmp_path / "state").exists()


def test_demo__no_days_are_refused(run: Run, tmp_path: Path) -> None:
    done = run(tmp_path, "demo", "--days", "0")
    assert done.returncode == 2
    assert "'--days'" in done.stderr


def test_down__of_nothing_is_no_error(run: Run, tmp_path: Path) -> None:
    done = run(tmp_path / "state", "down")
    assert (done.returncode, done.stdout) == (0, "Nothing was running.\n")


def test_logs__an_unknown_component_is_named_with_those_there_are(run: Run, tmp_path: Path) -> None:
    refused(
        run(tmp_path, "logs", "webserver"),
        ConfigurationError.exit_code,
        "there is no component 'webserver'.*scheduler.*",
        tmp_path,
    )


def test_doctor__finds_the_taken_port_of_a_stack_that_is_down(run: Run, tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        done = run(tmp_path, "doctor", "--port", str(port))
    assert done.returncode == 1
    assert re.search(rf"bad +ports  port {port} is taken", done.stdout)


def test_help__answers_without_loading_airflow_or_pandas() -> None:
    code = "import sys; import local_aws.cli; print(sorted({'airflow', 'pandas', 'boto3', 'moto'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


def test_makefile__reads_without_a_warning_and_every_benchmark_exists() -> None:
    make = subprocess.run(["make", "-C", str(ROOT), "-n", "bench"], capture_output=True, text=True, check=True)
    assert make.stderr == ""
    names = re.search(r"for name in ([a-z_ ]+);", make.stdout)
    assert names
    assert [name for name in names[1].split() if not (ROOT / "benchmarks" / f"{name}.py").exists()] == []


def test_operations_page__says_what_every_command_does() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    commands = [command.name or command.callback.__name__ for command in app.registered_commands]
    assert commands
    assert [command for command in commands if f"`fraud-local {command}" not in page] == []


def test_operations_page__says_what_every_make_target_does() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert len(targets) > 10
    assert [target for target in targets if f"`make {target}" not in page] == []
