"""What all jobs have in common: stopping, waiting their turn, lists, tags."""

import pytest
from botocore.exceptions import ClientError

from local_jobs import bucket, ended, log_of, process, processes_of, put, training_request, unique
from local_stack import wait_until

# A container that ignores the request to stop, and a child of it.
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("ready", flush=True)
time.sleep(600)
"""


def test_stop__ends_the_whole_process_group(local_aws):
    sagemaker = local_aws.client("sagemaker")
    name = process(local_aws, STUBBORN.replace("signal.signal(signal.SIGTERM, signal.SIG_IGN)", ""))
    wait_until(lambda: log_of(local_aws, "processing", name) == ["ready"])
    assert len(processes_of(name)) == 2
    sagemaker.stop_processing_job(ProcessingJobName=name)
    assert ended(local_aws, "processing", name)["ProcessingJobStatus"] == "Stopped"
    assert processes_of(name) == []


def test_stop__kills_what_does_not_listen(local_aws):
    sagemaker = local_aws.client("sagemaker")
    name = process(local_aws, STUBBORN)
    wait_until(lambda: log_of(local_aws, "processing", name) == ["ready"])
    assert len(processes_of(name)) == 2
    sagemaker.stop_processing_job(ProcessingJobName=name)
    assert sagemaker.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"] == "Stopping"
    assert ended(local_aws, "processing", name)["ProcessingJobStatus"] == "Stopped"
    assert processes_of(name) == []


def test_stop__of_a_finished_or_unknown_job_is_refused(local_aws):
    sagemaker = local_aws.client("sagemaker")
    name = process(local_aws, "")
    ended(local_aws, "processing", name)
    with pytest.raises(ClientError, match="in status Completed"):
        sagemaker.stop_processing_job(ProcessingJobName=name)
    with pytest.raises(ClientError, match="Could not find requested job"):
        sagemaker.stop_training_job(TrainingJobName="never-was")


def test_queue__no_more_jobs_run_than_the_limit_and_a_waiting_one_stops_at_once(local_aws):
    sagemaker, where = local_aws.client("sagemaker"), bucket(local_aws)
    put(local_aws, f"{where}/train/", a="1")
    running = [process(local_aws, "import time; print('ready', flush=True); time.sleep(600)") for _ in range(2)]
    wait_until(lambda: all(log_of(local_aws, "processing", name) == ["ready"] for name in running))
    waiting = unique("waiting")
    sagemaker.create_training_job(**training_request(waiting, where))
    description = sagemaker.describe_training_job(TrainingJobName=waiting)
    assert (description["TrainingJobStatus"], description["SecondaryStatus"]) == ("InProgress", "Starting")
    assert "TrainingStartTime" not in description
    sagemaker.stop_training_job(TrainingJobName=waiting)
    assert sagemaker.describe_training_job(TrainingJobName=waiting)["TrainingJobStatus"] == "Stopped"
    for name in running:
        sagemaker.stop_processing_job(ProcessingJobName=name)
        ended(local_aws, "processing", name)


def test_list__filters_sorts_and_pages(local_aws):
    sagemaker, word = local_aws.client("sagemaker"), unique("listed")
    names = [process(local_aws, f"raise SystemExit({n % 2})", ProcessingJobName=f"{word}-{n}") for n in range(3)]
    for name in names:
        ended(local_aws, "processing", name)

    def listed(**request):
        summaries = sagemaker.list_processing_jobs(NameContains=f"{word}-", **request)["ProcessingJobSummaries"]
        return [summary["ProcessingJobName"] for summary in summaries]

    assert listed() == names[::-1]
    assert listed(SortBy="Name", SortOrder="Ascending") == names
    assert listed(StatusEquals="Failed") == [names[1]]
    pages = sagemaker.get_paginator("list_processing_jobs").paginate(
        NameContains=f"{word}-", PaginationConfig={"PageSize": 2}
    )
    assert [len(page["ProcessingJobSummaries"]) for page in pages] == [2, 1]
    with pytest.raises(ClientError, match="NextToken"):
        sagemaker.list_processing_jobs(NextToken="made up")


def test_tags__are_kept_changed_and_removed(local_aws):
    sagemaker = local_aws.client("sagemaker")
    name = process(local_aws, "", Tags=[{"Key": "day", "Value": "1"}])
    arn = ended(local_aws, "processing", name)["ProcessingJobArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "day", "Value": "2"}, {"Key": "run", "Value": "r"}])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "day", "Value": "2"}, {"Key": "run", "Value": "r"}]
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["day"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "run", "Value": "r"}]
    with pytest.raises(ClientError, match="Could not find resource"):
        sagemaker.list_tags(ResourceArn=arn + "-not")
