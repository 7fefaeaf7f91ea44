"""The serving container over HTTP: one line out for every line in, or a 4xx with the reason."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys

import httpx
import numpy as np
import pytest
from starlette.testclient import TestClient

from fraud.containers import serve
from fraud.models import artefact, training

NAMES = ("amount", "risk")
CSV = {"content-type": "text/csv"}


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(500, 2))
    return training.fit("logistic_regression", features, features[:, 1] > 1, feature_names=NAMES, seed=0)


@pytest.fixture(scope="module")
def client(model):
    return TestClient(serve.application(model), raise_server_exceptions=False)


def body(features):
    return "".join(",".join(map(repr, row)) + "\n" for row in features.tolist()).encode()


def test_ping__says_that_the_model_is_loaded(client):
    assert client.get("/ping").status_code == 200


def test_execution_parameters__are_what_batch_transform_asks_for(client):
    answer = client.get("/execution-parameters").json()
    assert answer == {"MaxConcurrentTransforms": 1, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}


@pytest.mark.parametrize("rows", [1, 2, 9600])
def test_invocations__one_line_out_for_every_line_in_and_in_order(client, model, rows):
    features = np.random.default_rng(rows).normal(size=(rows, 2))
    answer = client.post("/invocations", content=body(features), headers=CSV)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")
    # Exact: the text reads back as the very score that the artefact gives.
    assert [float(line) for line in answer.text.splitlines()] == model.predict_proba(features).tolist()


@pytest.mark.parametrize("content", [b"1,2\n3,4", b"1,2\r\n3,4\r\n", b"1.0,2e0\n 3,4\n"])
def test_invocations__line_ends_and_spaces_make_no_difference(client, content):
    plain = client.post("/invocations", content=b"1,2\n3,4\n", headers=CSV).text
    assert client.post("/invocations", content=content, headers=CSV).text == plain


def test_invocations__the_content_type_may_name_a_charset(client):
    headers = {"content-type": "text/csv; charset=utf-8", "accept": "text/csv, */*;q=0.1"}
    assert client.post("/invocations", content=b"1,2\n", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the body is empty, expected lines of 2 numbers"),
        (b"\n", "the body is empty, expected lines of 2 numbers"),
        (b"amount,risk\n1,2\n", "the body: line 1, field 1 is 'amount', expected a finite number"),
        (b"1,2\n1,2,3\n", "the body: line 2 has 3 fields, expected 2"),
        (b"1,2\n\n1,2\n", "the body: line 2 is empty, expected 2 numbers"),
        (b"1,2\n1,2\n\n", "the body: line 3 is empty, expected 2 numbers"),
        (b"1,2\n3,\n", "the body: line 2, field 2 is '', expected a finite number"),
        (b"1,2\n3,nan\n", "the body: line 2, field 2 is nan, expected a finite number"),
        (b"1,2\n-inf,4\n", "the body: line 2, field 1 is -inf, expected a finite number"),
        (b'1,"2\n3"\n', "the body: line 1, field 2 is '\"2', expected a finite number"),
        (b"\xff\xfe\x00,1\n", "the body: line 1, field 1 is"),
        (b'{"amount": 1}\n', "the body: line 1 has 1 fields, expected 2"),
    ],
)
def test_invocations__refuse_a_malformed_body_by_line(client, content, message):
    answer = client.post("/invocations", content=content, headers=CSV)
    assert answer.status_code == 400
    assert message in answer.text


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({"content-type": "application/json"}, 415, "content type application/json is not taken; send text/csv"),
        ({}, 415, "content type missing is not taken; send text/csv"),
        (CSV | {"accept": "application/json"}, 406, "cannot answer as application/json; accept text/csv"),
    ],
)
def test_invocations__refuse_other_content(client, headers, status, message):
    answer = client.post("/invocations", content=b"1,2\n", headers=headers)
    assert (answer.status_code, answer.text) == (status, message + "\n")


def test_invocations__refuse_what_is_too_large_before_reading_it_all(client):
    sent = 0

    def chunks():
        nonlocal sent
        while sent < 100:
            sent += 1
            yield b"1,2\n" * (1 << 18)

    answer = client.post("/invocations", content=chunks(), headers=CSV)
    assert answer.status_code == 413
    assert answer.text == "the body is larger than 32 MiB; send fewer rows at a time (MaxPayloadInMB: 6)\n"


def test_invocations__refuse_a_body_that_does_not_arrive(model, monkeypatch):
    monkeypatch.setattr(serve, "MOST_SECONDS", 0.01)
    sent = []

    async def receive():
        await asyncio.Event().wait()  # nothing more comes

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/invocations", "query_string": b"", "http_version": "1.1"}
    headers = [(b"content-type", b"text/csv")]
    asyncio.run(serve.application(model)({**scope, "headers": headers}, receive, send))
    assert sent[0]["status"] == 408
    assert b"did not arrive within 0.01 s" in sent[1]["body"]


def test_invocations__refuse_other_methods(client):
    assert client.get("/invocations").status_code == 405
    assert client.get("/models").status_code == 404


def test_serve__without_a_model_says_so_and_exits(tmp_path, capsys):
    assert serve.main({"SAGEMAKER_BASE_DIR": str(tmp_path)}) == 5
    assert "there is no model at" in json.loads(capsys.readouterr().err)["message"]


def test_serve__answers_on_the_port_it_is_told_and_stops_when_told(tmp_path, model):
    artefact.save(model, tmp_path / "model")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "SAGEMAKER_BASE_DIR": str(tmp_path), "SAGEMAKER_BIND_TO_PORT": str(port)}
    server = subprocess.Popen([sys.executable, "-m", "fraud.containers.serve"], env=environment)
    # Retries wait longer each time, two minutes in all: the server loads its libraries first.
    retrying = httpx.HTTPTransport(retries=8)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=retrying, timeout=60) as client:
            assert client.get("/ping").status_code == 200
            # A 100 MB body over a real connection: a reason, and the server lives on.
            assert client.post("/invocations", content=b"1,2\n" * (25 << 20), headers=CSV).status_code == 413
            features = np.random.default_rng(1).normal(size=(3, 2))
            answer = client.post("/invocations", content=body(features), headers=CSV)
            assert [float(line) for line in answer.text.splitlines()] == model.predict_proba(features).tolist()
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=30) in (0, -signal.SIGTERM)
