"""A power cut in the middle of the demo: the same command goes on and comes to the same."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from airflow_site import free_port
from e2e.conftest import DAYS, SETTINGS
from faults.state import State, difference
from local_aws.stack.processes import marked

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

CUT_SECONDS = 600


class Interrupted:
    """A demo in a folder of its own that loses its power."""

    def __init__(self, home: Path, settings) -> None:
        self.home = home.resolve()
        ports = {"PORT": str(free_port()), "AWS_PORT": str(free_port())}
        kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        self.environment = kept | {"FRAUD_LOCAL_HOME": str(home), **ports, **SETTINGS}
        self.state = State(f"http://127.0.0.1:{ports['AWS_PORT']}", settings)
        self.settings = settings

    def play(self) -> subprocess.Popen[bytes]:
        program = str(Path(sys.executable).with_name("fraud-local"))
        with (self.home / "demo.log").open("ab") as log:
            return subprocess.Popen(
                [program, "demo", "--world", "tiny", "--days", str(DAYS)],
                env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def cut(self, prefix: str) -> None:
        """Play until there is an object below a prefix, then kill every process at once."""
        demo = self.play()
        until = time.monotonic() + CUT_SECONDS
        while not self._has(prefix):
            assert demo.poll() is None, self.told()
            assert time.monotonic() < until, f"nothing below {prefix} after {CUT_SECONDS} s: {self.told()}"
            time.sleep(0.2)
        demo.kill()
        for process in marked(str(self.home)):
            with contextlib.suppress(psutil.Error):
                process.kill()
        demo.wait()

    def _has(self, prefix: str) -> bool:
        try:
            found = self.state.client("s3").list_objects_v2(Bucket=self.settings.bucket, Prefix=prefix, MaxKeys=1)
        except (BotoCoreError, ClientError):
            return False
        return found["KeyCount"] > 0

    def told(self) -> str:
        return (self.home / "demo.log").read_text(errors="replace")[-5000:]

    def down(self) -> None:
        program = str(Path(sys.executable).with_name("fraud-local"))
        subprocess.run([program, "down"], env=self.environment, check=False, capture_output=True)


@pytest.fixture
def interrupted(demo, tmp_path: Path) -> Iterator[Interrupted]:
    found = Interrupted(tmp_path, demo.settings)
    yield found
    found.down()


def test_demo__goes_on_after_power_cuts_and_ends_with_the_same(demo, interrupted) -> None:
    interrupted.cut("manifests/features/")
    interrupted.cut(f"manifests/scoring/{demo.days[0]}")
    played = interrupted.play()
    assert played.wait(CUT_SECONDS) == 0, interrupted.told()
    assert json.loads((interrupted.home / "deployment.json").read_text())["first_day"] == str(demo.days[0])
    assert interrupted.state.running() == []
    assert difference(demo.digests, interrupted.state.digests()) == []
