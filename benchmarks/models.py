"""Training, serving, evaluating and explaining at the handbook's size: ``python -m benchmarks.models``."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np
import psutil
from benchmarks.document import machine, write_section

from fraud.features.handbook import add_features
from fraud.models import artefact, training
from fraud.models.handbook import OUR_TRAIN_DAYS, Labelled, book_fold, labelled
from fraud.models.promotion import paired_bootstrap
from fraud.settings import PromotionRule, TrainingDefaults
from fraud.simulator.handbook import replay
from fraud.simulator.worlds import load_world

DAY_ROWS = 9_600
REQUESTS = 400


def main() -> None:
    where = machine()
    world = load_world("handbook")
    data = labelled(add_features(replay(world).table()), world.start)
    fold = book_fold(data)
    train = (data.day >= fold.train_end - OUR_TRAIN_DAYS) & (data.day < fold.train_end)
    lines = [
        f"`python -m benchmarks.models`, {where}.",
        "",
        "| what | figure | bound |",
        "| --- | --- | --- |",
    ]
    total = busy = 0.0
    for name in TrainingDefaults().candidates:
        began, processor = time.perf_counter(), time.process_time()
        model = training.fit(name, data.features[train], data.is_fraud[train], feature_names=data.names, seed=0)
        seconds = time.perf_counter() - began
        processor = time.process_time() - processor
        total, busy = total + seconds, busy + processor
        lines.append(
            f"| train `{name}` on {int(train.sum()):,} rows | {seconds:.1f} s, {processor:.1f} s of a processor | |"
        )
    lines.append(
        f"| the three default candidates together | {total:.1f} s, {busy:.1f} s of a processor | 60 s on 2 cores |"
    )
    model = training.fit("xgboost", data.features[train], data.is_fraud[train], feature_names=data.names, seed=0)
    lines += serving(model, data) + evaluating(model, data)
    write_section("Models", "\n".join(lines))
    print("\n".join(lines))


def serving(model: artefact.Model, data: Labelled) -> list[str]:
    """Serve a day's features over HTTP, again and again, and look at the server's memory."""
    body = "".join(",".join(map(repr, row)) + "\n" for row in data.features[-DAY_ROWS:].tolist()).encode()
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        artefact.save(model, Path(folder) / "model")
        probe.close()
        environment = {**os.environ, "SAGEMAKER_BASE_DIR": folder, "SAGEMAKER_BIND_TO_PORT": str(port)}
        began = time.perf_counter()
        server = subprocess.Popen([sys.executable, "-m", "fraud.containers.serve"], env=environment)
        transport = httpx.HTTPTransport(retries=8)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=transport, timeout=60) as client:
                client.get("/ping").raise_for_status()
                up = time.perf_counter() - began
                process = psutil.Process(server.pid)
                busy = sum(process.cpu_times()[:2])
                seconds, megabytes = [], []
                for _ in range(REQUESTS):
                    began = time.perf_counter()
                    answer = client.post("/invocations", content=body, headers={"content-type": "text/csv"})
                    seconds.append(time.perf_counter() - began)
                    megabytes.append(process.memory_info().rss / 2**20)
                    answer.raise_for_status()
                busy = sum(process.cpu_times()[:2]) - busy
        finally:
            server.terminate()
            server.wait()
    half = megabytes[REQUESTS // 2 :]
    slope = np.polyfit(np.arange(len(half)), half, 1)[0] * 1_000_000 / DAY_ROWS
    return [
        f"| server up | {up:.1f} s | |",
        f"| score a day ({DAY_ROWS:,} rows) over HTTP, median of {REQUESTS} | {np.median(seconds) * 1000:.0f} ms: "
        f"{DAY_ROWS / np.median(seconds):,.0f} rows/s | 100,000 rows/s |",
        f"| the fastest of them, which had the machine to itself | {min(seconds) * 1000:.0f} ms: "
        f"{DAY_ROWS / min(seconds):,.0f} rows/s | |",
        f"| the server's processor time | {busy / REQUESTS * 1000:.0f} ms a day: "
        f"{DAY_ROWS * REQUESTS / busy:,.0f} rows a second | |",
        f"| server's memory, first and last request | {megabytes[0]:.0f} and {megabytes[-1]:.0f} MB | flat |",
        f"| its growth over the second half | {slope:.1f} MB a million rows | |",
    ]


def evaluating(model: artefact.Model, data: Labelled) -> list[str]:
    """Time the promotion rule's bootstrap on two weeks of 40 % of the customers, and the reasons of a day's alerts."""
    rule = PromotionRule()
    rows = (data.day > data.day.max() - rule.scheduled_days) & (data.customer % 5 < 2)
    score = model.predict_proba(data.features[rows])
    began = time.perf_counter()
    paired_bootstrap(data.is_fraud[rows], score, score**2, data.customer[rows], samples=rule.bootstrap_samples, seed=0)
    bootstrap = time.perf_counter() - began
    began = time.perf_counter()
    model.explain(data.features[-100:])
    explain = time.perf_counter() - began
    return [
        f"| bootstrap, {rule.bootstrap_samples} samples of {int(rows.sum()):,} transactions | {bootstrap:.1f} s | |",
        f"| explain 100 alerts | {explain * 1000:.0f} ms | |",
    ]


if __name__ == "__main__":
    main()
