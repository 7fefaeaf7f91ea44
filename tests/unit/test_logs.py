"""Each line of a job's log is JSON, with the run, the day and the version that it belongs to."""

from __future__ import annotations

import io
import json
import logging
import warnings

import fraud
from fraud.containers.logs import start_log
from fraud.containers.process import main


def test_line__says_run_day_and_version_whoever_logs() -> None:
    stream = io.StringIO()
    log = start_log("collect", {"FRAUD_RUN": "scheduled-1", "FRAUD_DAY": "2026-03-01"}, stream, model_version=3)
    log.info("%d rows", 5)
    logging.getLogger("somebody.else").warning("two\nlines")
    warnings.warn("old", DeprecationWarning, stacklevel=1)
    try:
        raise ValueError("no such thing")
    except ValueError:
        log.exception("internal error")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    about = {
        "step": "collect", "run": "scheduled-1", "day": "2026-03-01", "version": fraud.__version__, "model_version": 3,
    }  # fmt: skip
    assert all(about.items() <= line.items() for line in lines)
    assert [line["message"].split("\n")[0] for line in lines[:2]] == ["5 rows", "two"]
    assert "DeprecationWarning" in lines[2]["message"]
    assert lines[3]["traceback"].endswith("ValueError: no such thing")


def test_job__that_fails_logs_lines_too(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    monkeypatch.setenv("FRAUD_RUN", "manual-7")
    assert main(["simulate", "--start", "2026-03-01", "--end", "2026-03-01"]) != 0
    line = json.loads(capsys.readouterr().err)
    assert (line["step"], line["run"], line["level"]) == ("simulate", "manual-7", "error")
