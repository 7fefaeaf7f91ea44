"""Hyperparameter tuning jobs: each starts real training jobs, a few at a time, and keeps the best."""

from __future__ import annotations

import contextlib
import threading
import time
import zlib
from collections.abc import Callable, Sequence

from local_aws.sagemaker.errors import RequestRefused
from local_aws.sagemaker.images import Image
from local_aws.sagemaker.kinds import KINDS
from local_aws.sagemaker.listing import select_page
from local_aws.sagemaker.names import arn
from local_aws.sagemaker.records import AlreadyThere, Document, Records
from local_aws.sagemaker.search import check_search, grid_size, point
from local_aws.sagemaker.shapes import check_request, project_answer, project_summary
from local_aws.sagemaker.training import check_training

__all__ = ["OPERATIONS", "Tuner"]

OPERATIONS = (
    "CreateHyperParameterTuningJob",
    "DescribeHyperParameterTuningJob",
    "StopHyperParameterTuningJob",
    "ListHyperParameterTuningJobs",
    "ListTrainingJobsForHyperParameterTuningJob",
)
SEGMENT = "hyper-parameter-tuning-job"
NAME, STATUS = "HyperParameterTuningJobName", "HyperParameterTuningJobStatus"
TRAINING = KINDS["Training"]
ALIVE = ("InProgress", "Stopping")
COUNTERS = {
    "Completed": "Completed",
    "InProgress": "InProgress",
    "Stopping": "InProgress",
    "Failed": "NonRetryableError",
    "Stopped": "Stopped",
}
"""Field of TrainingJobStatusCounters by status."""

Create = Callable[[str, Document, Document], None]
"""Creates a training job: region, request, more fields of its description."""


class Tuner:
    """Operations on tuning jobs.

    Parameters
    ----------
    records
        Where tuning and training jobs are kept.
    images
        What is known of images: the metrics that their training jobs have without asking.
    create, stop
        What creates a training job, and what asks one (by region and name) to stop.
    """

    def __init__(
        self, records: Records, images: Sequence[Image], *, create: Create, stop: Callable[[str, str], None]
    ) -> None:
        self._records, self._images, self._create_training, self._stop_training = records, images, create, stop
        self._lock = threading.RLock()

    def create_hyper_parameter_tuning_job(self, region: str, request: Document) -> Document:
        """Start a tuning job."""
        self._check(request)
        name, now = request[NAME], time.time()
        document: Document = {
            **request,
            "HyperParameterTuningJobArn": arn(region, SEGMENT, name),
            STATUS: "InProgress",
            "CreationTime": now,
            "LastModifiedTime": now,
            "Trials": [],
        }
        try:
            self._records.create(region, SEGMENT, name, document)
        except AlreadyThere:
            message = f"A hyperparameter tuning job with this name already exists ({name})"
            raise RequestRefused("ResourceInUse", message) from None
        self._advance(region, name)
        return {"HyperParameterTuningJobArn": document["HyperParameterTuningJobArn"]}

    def describe_hyper_parameter_tuning_job(self, region: str, request: Document) -> Document:
        """Describe a tuning job, with its best training job so far."""
        return project_answer("DescribeHyperParameterTuningJob", self._described(region, request[NAME]))

    def stop_hyper_parameter_tuning_job(self, region: str, request: Document) -> Document:
        """Stop a tuning job and its training jobs."""

        def edit(document: Document) -> None:
            if document[STATUS] not in ALIVE:
                message = f"The request was rejected because the tuning job is in status {document[STATUS]}."
                raise RequestRefused("ValidationException", message)
            document[STATUS] = "Stopping"

        if self._records.change(region, SEGMENT, request[NAME], edit) is None:
            raise _no_job(request[NAME])
        self._advance(region, request[NAME])
        return {}

    def list_hyper_parameter_tuning_jobs(self, region: str, request: Document) -> Document:
        """List tuning jobs."""
        documents = [document for *_, document in self._records.list([SEGMENT], region)]
        page, token = select_page(request, documents, name=NAME, status=STATUS, descending=True)
        entries = []
        for document in page:
            described = self._described(region, document[NAME])
            configuration = described["HyperParameterTuningJobConfig"]
            described |= {name: configuration[name] for name in ("Strategy", "ResourceLimits")}
            entries.append(project_summary("ListHyperParameterTuningJobs", described))
        return {"HyperParameterTuningJobSummaries": entries} | ({"NextToken": token} if token else {})

    def list_training_jobs_for_hyper_parameter_tuning_job(self, region: str, request: Document) -> Document:
        """List a tuning job's training jobs, by default in order of creation."""
        document = self._records.get(region, SEGMENT, request[NAME])
        if document is None:
            raise _no_job(request[NAME])
        trials = [_summary(trial, document) for trial in self._trials(region, document)]
        if request.get("SortBy") == "FinalObjectiveMetricValue":
            trials = sorted((trial for trial in trials if _value(trial) is not None), key=_value)  # type: ignore[arg-type]
            request = {name: value for name, value in request.items() if name != "SortBy"}
        page, token = select_page(request, trials, name="TrainingJobName", status="TrainingJobStatus", descending=False)
        return {"TrainingJobSummaries": page} | ({"NextToken": token} if token else {})

    def trial_ended(self, region: str, training_job: str) -> None:
        """Go on after the end of a training job, if it is a tuning job's."""
        document = self._records.get(region, TRAINING.segment, training_job)
        if document and "TuningJobArn" in document:
            self._advance(region, document["TuningJobArn"].rpartition("/")[2])

    def recover(self) -> None:
        """End, as Failed, what a dead server left: its training jobs have ended too."""
        for region, _, name, document in self._records.list([SEGMENT]):
            if document[STATUS] in ALIVE:
                reason = "InternalServerError: the local AWS stopped while the job was running; run it again"
                self._finish(region, name, "Failed", reason)

    def _check(self, request: Document) -> None:
        for field in ("TrainingJobDefinitions", "WarmStartConfig", "Autotune"):
            if field in request:
                raise RequestRefused("ValidationException", f"The local AWS does not do {field} of tuning jobs")
        configuration, definition = request["HyperParameterTuningJobConfig"], request.get("TrainingJobDefinition")
        if definition is None:
            raise RequestRefused("ValidationException", "The local AWS needs a TrainingJobDefinition")
        check_search(configuration)
        objective = configuration.get("HyperParameterTuningJobObjective")
        if objective is None:
            raise RequestRefused("ValidationException", "The local AWS needs a HyperParameterTuningJobObjective")
        first = point(configuration, request[NAME], 0)
        twice = sorted(set(first) & set(definition.get("StaticHyperParameters", {})))
        if twice:
            message = f"Hyperparameter {twice[0]!r} is static and has a range; it must be one of both"
            raise RequestRefused("ValidationException", message)
        training = _training_request(request, _trial_name(request[NAME], 0), first)
        check_request("CreateTrainingJob", training)
        check_training(training)
        specification = definition["AlgorithmSpecification"]
        known = {one["Name"] for one in specification.get("MetricDefinitions", [])}
        for image in self._images:
            if image.matches(specification["TrainingImage"]):
                known |= set(image.metrics)
        if objective["MetricName"] not in known:
            message = f"The objective metric {objective['MetricName']!r} is none of the metrics of the training jobs"
            raise RequestRefused("ValidationException", f"{message}: {', '.join(sorted(known)) or 'they have none'}")

    def _advance(self, region: str, name: str) -> None:
        """Start what may start, or end the tuning job when nothing is left to do."""
        with self._lock:
            document = self._records.get(region, SEGMENT, name)
            if document is None or document[STATUS] not in ALIVE:
                return
            running = [one for one in self._trials(region, document) if one[TRAINING.status] in ALIVE]
            if document[STATUS] == "Stopping":
                for trial in running:
                    with contextlib.suppress(RequestRefused):  # one that ended meanwhile
                        self._stop_training(region, trial[TRAINING.name])
                if not running:
                    self._finish(region, name, "Stopped")
                return
            configuration = document["HyperParameterTuningJobConfig"]
            limits, size = configuration["ResourceLimits"], grid_size(configuration)
            most = min(limit for limit in (limits.get("MaxNumberOfTrainingJobs"), size) if limit is not None)
            started = len(document["Trials"])
            for number in range(started, min(most, started + limits["MaxParallelTrainingJobs"] - len(running))):
                self._start(region, document, number)
            if started == most and not running:
                best = self._described(region, name).get("BestTrainingJob")
                reason = None if best else "ClientError: No training job ended with a value of the objective metric"
                self._finish(region, name, "Completed" if best else "Failed", reason)

    def _start(self, region: str, document: Document, number: int) -> None:
        name = document[NAME]
        trial = _trial_name(name, number)
        tuned = point(document["HyperParameterTuningJobConfig"], name, number)
        # Noted first: a training job that exists is known to its tuning job whatever happens.
        self._records.change(region, SEGMENT, name, lambda one: one["Trials"].append(trial))
        more = {"TuningJobArn": document["HyperParameterTuningJobArn"], "TunedHyperParameters": tuned}
        try:
            self._create_training(region, _training_request(document, trial, tuned), more)
        except RequestRefused as refused:
            self._finish(region, name, "Failed", f"ClientError: Training job {trial} cannot be created: {refused}")

    def _trials(self, region: str, document: Document) -> list[Document]:
        found = (self._records.get(region, TRAINING.segment, trial) for trial in document["Trials"])
        return [trial for trial in found if trial is not None]

    def _described(self, region: str, name: str) -> Document:
        document = self._records.get(region, SEGMENT, name)
        if document is None:
            raise _no_job(name)
        trials = [_summary(trial, document) for trial in self._trials(region, document)]
        objective = document["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
        measured = [trial for trial in trials if trial["ObjectiveStatus"] == "Succeeded"]
        counters = dict.fromkeys(("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped"), 0)
        objectives = dict.fromkeys(("Succeeded", "Pending", "Failed"), 0)
        for trial in trials:
            counters[COUNTERS[trial["TrainingJobStatus"]]] += 1
            objectives[trial["ObjectiveStatus"]] += 1
        document |= {"TrainingJobStatusCounters": counters, "ObjectiveStatusCounters": objectives}
        if measured:
            choose = max if objective["Type"] == "Maximize" else min
            document["BestTrainingJob"] = choose(measured, key=_value)  # type: ignore[arg-type]
        return document

    def _finish(self, region: str, name: str, status: str, reason: str | None = None) -> None:
        now = time.time()

        def edit(document: Document) -> None:
            document |= {STATUS: status, "HyperParameterTuningEndTime": now, "LastModifiedTime": now}
            if reason:
                document["FailureReason"] = reason

        self._records.change(region, SEGMENT, name, edit)


def _trial_name(name: str, number: int) -> str:
    """Return a training job's name as AWS makes them: the tuning job's, a number, and letters that make it unique."""
    return f"{name}-{number + 1:03d}-{zlib.crc32(f'{name}/{number}'.encode()):08x}"


def _training_request(tuning: Document, name: str, tuned: dict[str, str]) -> Document:
    definition = tuning["TrainingJobDefinition"]
    objective = tuning["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["MetricName"]
    same = ("RoleArn", "InputDataConfig", "OutputDataConfig", "ResourceConfig", "StoppingCondition", "Environment")
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": definition["AlgorithmSpecification"],
        "HyperParameters": {
            **definition.get("StaticHyperParameters", {}),
            **tuned,
            "_tuning_objective_metric": objective,
        },
        **{field: definition[field] for field in same if field in definition},
    }


def _summary(trial: Document, tuning: Document) -> Document:
    """Return a training job as HyperParameterTrainingJobSummary."""
    objective = tuning["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    status = trial[TRAINING.status]
    metrics = {metric["MetricName"]: metric["Value"] for metric in trial.get("FinalMetricDataList", [])}
    value = metrics.get(objective["MetricName"])
    fields = ("TrainingJobName", "TrainingJobArn", "CreationTime", "TrainingStartTime", "TrainingEndTime")
    summary: Document = {
        **{field: trial[field] for field in (*fields, "FailureReason") if field in trial},
        "TrainingJobStatus": status,
        "TunedHyperParameters": trial["TunedHyperParameters"],
        "ObjectiveStatus": "Pending" if status in ALIVE else "Failed",
    }
    if status == "Completed" and value is not None:
        summary["ObjectiveStatus"] = "Succeeded"
        summary["FinalHyperParameterTuningJobObjectiveMetric"] = {**objective, "Value": value}
    return summary


def _value(summary: Document) -> float | None:
    metric = summary.get("FinalHyperParameterTuningJobObjectiveMetric")
    return float(metric["Value"]) if metric else None


def _no_job(name: str) -> RequestRefused:
    return RequestRefused("ResourceNotFound", f"Could not find requested hyperparameter tuning job with name: {name}")
