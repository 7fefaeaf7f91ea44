"""`make setup` finds a Python that really runs, or says in one sentence why there is none."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

INSTALL = Path(__file__).parents[3] / "requirements" / "install"
TOOLS = ("sh", "dirname", "df", "awk", "grep", "rm", "mkdir", "touch", "cat")
SHIM = "#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n"


def python(minor: int, body: str = "exit 0") -> str:
    """A stand-in that answers the version question and does something to everything else."""
    return f'#!/bin/sh\ncase "$2" in *sys.version_info*) echo {minor};; *) {body};; esac\n'


@pytest.fixture
def install(tmp_path: Path):
    (tmp_path / "requirements").mkdir()
    shutil.copy(INSTALL, tmp_path / "requirements" / "install")
    programs = tmp_path / "bin"
    programs.mkdir()
    for tool in TOOLS:
        (programs / tool).symlink_to(shutil.which(tool))

    def run(variables: dict[str, str] | None = None, **pythons: str) -> subprocess.CompletedProcess[str]:
        for name, text in pythons.items():
            path = programs / name.replace("_", ".")
            path.write_text(text)
            path.chmod(0o755)
        environment = {"PATH": str(programs)} | (variables or {})
        return subprocess.run(
            [str(tmp_path / "requirements" / "install")],
            env=environment,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_install__without_any_python_says_so(install) -> None:
    done = install()
    assert done.returncode == 1
    assert done.stderr == (
        "setup: no Python 3.12 or 3.11 was found; "
        "install one (Debian: apt install python3 python3-venv) or set PYTHON\n"
    )


def test_install__too_old_a_python_is_named(install) -> None:
    assert "was found; python3 is 3.10; install one" in install(python3=python(10)).stderr


def test_install__shims_that_do_not_run_are_passed_over(install) -> None:
    done = install(python3_12=SHIM, python3_11=python(11, "exit 1"))
    assert "python3.11 lacks the module venv; install it" in done.stderr


def test_install__python_that_was_asked_for_is_checked(install) -> None:
    assert "PYTHON=python9 does not run" in install({"PYTHON": "python9"}).stderr
    assert (
        "PYTHON=python3 is Python 3.13; this needs 3.12 or 3.11"
        in install({"PYTHON": "python3"}, python3=python(13)).stderr
    )


def test_install__no_disk_is_said_before_anything_is_made(install, tmp_path: Path) -> None:
    full = "#!/bin/sh\necho 'Filesystem 1M-blocks Used Available Use% Mounted'\necho '/dev/x 9 9 12 99% /'\n"
    (tmp_path / "bin" / "df").unlink()
    done = install(python3_12=python(12), df=full)
    assert done.returncode == 1
    assert f"{os.path.realpath(tmp_path)} has 12 MB free, .venv needs 4000" in done.stderr
    assert not (tmp_path / ".venv").exists()
