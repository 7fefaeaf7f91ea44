# ruff: noqa: T201  (a container talks through its output)
"""A toy container for tests: what it does is said by hyperparameters (train) or variables (serve)."""

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))


def train() -> int:
    hyperparameters = json.loads((BASE / "input/config/hyperparameters.json").read_text())
    for name, value in sorted(os.environ.items()):
        if name.startswith("SM_"):
            print(f"{name}={value}")
    for path in sorted((BASE / "input/data").rglob("*")):
        if path.is_file():
            print(f"file {path.relative_to(BASE / 'input/data')} {path.read_text().strip()}")
    for epoch in range(3):
        print(f"epoch {epoch} loss=0.{5 - epoch}", flush=True)
    if "score" in hyperparameters:
        print(f"score={hyperparameters['score']}", flush=True)
    if "sleep" in hyperparameters:
        time.sleep(float(hyperparameters["sleep"]))
    if "fail" in hyperparameters:
        (BASE / "output/failure").write_text(hyperparameters["fail"])
        return 3
    if "silent_fail" in hyperparameters:
        return 4
    (BASE / "model/weights").mkdir()
    (BASE / "model/weights/w.txt").write_text(hyperparameters.get("weight", "1"))
    (BASE / "model/model.json").write_text(json.dumps(hyperparameters, sort_keys=True))
    return 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.answer(200 if "NEVER_READY" not in os.environ else 503, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        print(f"payload {len(body)} {self.headers['Content-Type']} {body[:60]!r}", flush=True)
        lines = body.decode().removesuffix("\n").split("\n")
        weight = (BASE / "model/weights/w.txt").read_text()
        mode = os.environ.get("MODE", "sum")
        if mode == "refuse":
            self.answer(422, b"row 1: this is no number")
        elif mode == "lose":
            self.answer(200, "\n".join(lines[:-1]).encode())
        elif mode == "slow":
            time.sleep(600)
        else:
            sums = [sum(float(x) for x in line.split(",")) * float(weight) for line in lines]
            # Without a line's end at the last, as many containers do.
            self.answer(200, "\n".join(f"{value:g}" for value in sums).encode())

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    if sys.argv[1] == "train":
        sys.exit(train())
    if "DIE" in os.environ:
        sys.exit(9)
    HTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
