"""Batch transform jobs: a model's container is started, and each input object goes through it record by record."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import urllib3

from local_aws.objects import Missing, parse_uri, put_file
from local_aws.sagemaker.container import Container
from local_aws.sagemaker.data import Source, list_source, unpack
from local_aws.sagemaker.errors import JobFailed, JobStopped, RequestRefused
from local_aws.sagemaker.filters import FilterError, join_record, parse_filter, split_record
from local_aws.sagemaker.images import find_image
from local_aws.sagemaker.records import Document
from local_aws.sagemaker.registry import Registry
from local_aws.sagemaker.runner import Job

__all__ = ["check_transform", "run_transform"]

START_SECONDS = 180
PING_SECONDS = 0.05
WATCH_SECONDS = 0.1
MEGABYTE = 1 << 20
MAX_SHOWN = 500


def check_transform(request: Document) -> None:
    """Refuse what a transform job cannot be, here or on AWS.

    Raises
    ------
    RequestRefused
        Naming the field.
    """
    processing = request.get("DataProcessing", {})
    try:
        for field in ("InputFilter", "OutputFilter"):
            parse_filter(processing.get(field, "$"))
    except FilterError as error:
        raise RequestRefused("ValidationException", str(error)) from None
    split = request["TransformInput"].get("SplitType", "None")
    if split not in ("None", "Line"):
        raise RequestRefused("ValidationException", f"The local AWS splits input by Line or not at all, not by {split}")
    if request["TransformInput"].get("CompressionType", "None") != "None":
        raise RequestRefused("ValidationException", "The local AWS takes transform input uncompressed only")
    if request["TransformResources"]["InstanceCount"] != 1:
        raise RequestRefused("ValidationException", "The local AWS runs transform jobs on one instance")
    filtered = any(processing.get(field, "$") != "$" for field in ("InputFilter", "OutputFilter"))
    if processing.get("JoinSource", "None") == "Input" or filtered:
        assembled = request["TransformOutput"].get("AssembleWith", "None")
        content_type = request["TransformInput"].get("ContentType", "").partition(";")[0]
        if (split, assembled) != ("Line", "Line") or content_type != "text/csv":
            message = "DataProcessing needs ContentType text/csv, SplitType Line and AssembleWith Line"
            raise RequestRefused("ValidationException", message)


def run_transform(job: Job, registry: Registry) -> Document:
    """Serve the model, send it every record of every input object, and store what comes back.

    Raises
    ------
    JobFailed
        Naming the object and what the container answered.
    JobStopped
        When it was stopped.
    """
    request = job.request
    source = request["TransformInput"]["DataSource"]["S3DataSource"]
    model = registry.container_of(job.region, request["ModelName"])
    image = find_image(model["Image"], job.images)
    if image.serve is None:
        raise JobFailed("ClientError: The image has no serve command")
    inputs = list_source(source["S3Uri"], source["S3DataType"])
    folder = job.ml / "model"
    folder.mkdir(parents=True, exist_ok=True)
    if "ModelDataUrl" in model:
        unpack(model["ModelDataUrl"], folder)
    port = _free_port()
    environment = {
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(request.get("MaxPayloadInMB", 6)),
        "SAGEMAKER_BATCH_STRATEGY": _strategy(request),
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(request.get("MaxConcurrentTransforms", 1)),
        "SM_MODEL_DIR": "/opt/ml/model" if job.host.private_ml else str(folder),
        **image.environment,
        **model.get("Environment", {}),
        **request.get("Environment", {}),
    }
    container = Container(
        job.host,
        job.work,
        image.serve,
        environment=environment,
        search_path=image.search_path,
        region=job.region,
        on_lines=job.log.append,
    )
    finished = threading.Event()
    threading.Thread(target=_watch, args=(job, container, finished), daemon=True).start()
    try:
        sender = Sender(job, container, port)
        sender.wait_ready()
        for item in inputs:
            output = job.work / "output"
            with output.open("wb") as stream:
                for chunk in _transform(job, sender, item):
                    stream.write(chunk)
            _store(request["TransformOutput"]["S3OutputPath"], item.relative, output)
    finally:
        finished.set()
        container.stop()
    return {}


def _watch(job: Job, container: Container, finished: threading.Event) -> None:
    """End the container when the job is to stop, so that no request keeps waiting for an answer."""
    while not finished.wait(WATCH_SECONDS):
        if job.stop.is_set() or time.monotonic() > job.deadline:
            container.stop()
            return


def _strategy(request: Document) -> str:
    return str(request.get("BatchStrategy", "MultiRecord"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Sender:
    """Talks HTTP to a serving container."""

    def __init__(self, job: Job, container: Container, port: int) -> None:
        self._job, self._container = job, container
        client = job.request.get("ModelClientConfig", {})
        timeout = urllib3.Timeout(connect=5, read=client.get("InvocationsTimeoutInSeconds", 600))
        self._pool = urllib3.HTTPConnectionPool("127.0.0.1", port, timeout=timeout, retries=False)
        self._tries = 1 + client.get("InvocationsMaxRetries", 0)
        accept = job.request["TransformOutput"].get("Accept")
        content_type = job.request["TransformInput"].get("ContentType")
        self._headers = {
            **({"Content-Type": content_type} if content_type else {}),
            **({"Accept": accept} if accept else {}),
        }

    def wait_ready(self) -> None:
        """Wait until the container answers ``GET /ping`` with 200."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self._container.exit_code is not None:
                code = self._container.exit_code
                raise JobFailed(f"AlgorithmError: The container ended before it answered /ping, exit code: {code}")
            self._check()
            try:
                if self._pool.request("GET", "/ping", timeout=2).status == 200:
                    return
            except urllib3.exceptions.HTTPError:
                pass
            self._job.stop.wait(PING_SECONDS)
        raise JobFailed(f"AlgorithmError: The container did not answer /ping within {START_SECONDS} seconds")

    def send(self, body: bytes, where: str) -> bytes:
        """Post one payload and return the answer's body."""
        reason = ""
        for _ in range(self._tries):
            self._check()
            try:
                answer = self._pool.request("POST", "/invocations", body=body, headers=self._headers)
            except urllib3.exceptions.HTTPError as error:
                self._check()
                reason = f"AlgorithmError: No answer from the algorithm for {where}: {error}"
                continue
            if 200 <= answer.status < 300:
                return answer.data
            said = answer.data[:MAX_SHOWN].decode("utf-8", "replace").strip()
            reason = f"AlgorithmError: Bad HTTP status received from algorithm for {where}: {answer.status}: {said}"
        raise JobFailed(reason)

    def _check(self) -> None:
        self._job.checkpoint()
        if time.monotonic() > self._job.deadline:
            raise JobStopped(out_of_time=True)


def _transform(job: Job, sender: Sender, item: Source) -> Iterator[bytes]:
    """Yield an input object's output, piece by piece."""
    request, limit = job.request, job.request.get("MaxPayloadInMB", 6) * MEGABYTE
    assemble = request["TransformOutput"].get("AssembleWith", "None") == "Line"
    if request["TransformInput"].get("SplitType", "None") == "None":
        if item.stored.size > limit:
            raise JobFailed(f"ClientError: {item.stored.key} is larger than MaxPayloadInMB; set SplitType Line")
        answer = sender.send(item.stored.path.read_bytes(), item.stored.key)
        yield answer.rstrip(b"\n") + b"\n" if assemble else answer
        return
    processing = request.get("DataProcessing", {})
    take_out = _column_filter(processing.get("OutputFilter", "$"))
    joined = processing.get("JoinSource", "None") == "Input"
    take_in = _column_filter(processing.get("InputFilter", "$"))
    for first, batch in _batches(item, take_in, limit, _strategy(request) == "SingleRecord"):
        where = f"{item.stored.key} lines {first} to {first + len(batch) - 1}"
        answer = sender.send("".join(f"{sent}\n" for _, sent in batch).encode(), where)
        if not assemble:
            yield answer
            continue
        try:
            lines = answer.decode().removesuffix("\n").split("\n")
            if len(lines) != len(batch):
                raise JobFailed(f"AlgorithmError: {where}: {len(batch)} records were sent and {len(lines)} came back")
            records = (f"{line},{result}" for (line, _), result in zip(batch, lines, strict=True)) if joined else lines
            yield "".join(f"{take_out(line)}\n" for line in records).encode()
        except (FilterError, UnicodeDecodeError) as error:
            raise JobFailed(f"ClientError: {where}: {error}") from None


Pick = Callable[[str], str]


def _column_filter(text: str) -> Pick:
    """Return a JSONPath filter as a function of CSV lines."""
    pick = parse_filter(text)
    if text.strip() == "$":
        return lambda line: line
    return lambda line: join_record(pick(split_record(line)))


def _batches(item: Source, take: Pick, limit: int, single: bool) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """Yield the number of a batch's first line, and each line with what is sent of it, never more than a payload."""
    batch: list[tuple[str, str]] = []
    size, first, number = 0, 1, 0
    try:
        with item.stored.path.open(encoding="utf-8", newline="\n") as stream:
            for number, raw in enumerate(stream, start=1):
                line = raw.removesuffix("\n").removesuffix("\r")
                sent = take(line)
                length = len(sent.encode()) + 1
                if length > limit:
                    raise JobFailed(f"ClientError: {item.stored.key} line {number} is larger than MaxPayloadInMB")
                if batch and (single or size + length > limit):
                    yield first, batch
                    batch, size, first = [], 0, number
                batch.append((line, sent))
                size += length
    except (FilterError, UnicodeDecodeError) as error:
        raise JobFailed(f"ClientError: {item.stored.key} line {number or 1}: {error}") from None
    if batch:
        yield first, batch


def _store(prefix: str, relative: str, output: Path) -> None:
    uri = f"{prefix.rstrip('/')}/{relative}.out"
    try:
        bucket, key = parse_uri(uri)
        put_file(bucket, key, output)
    except (Missing, ValueError) as error:
        raise JobFailed(f"ClientError: Failed to upload {uri}: {error}") from None
