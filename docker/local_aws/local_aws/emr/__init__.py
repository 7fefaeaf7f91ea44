"""EMR Serverless whose Spark jobs run: each by ``spark-submit`` on this machine, with its data from S3.

==========  ======================================================================
``build``   puts the service together
``api``     requests and answers: applications, job runs
``jobs``    runs job runs, and writes down how each ends
``mirror``  the objects that a job names, as files that Spark reaches under s3://
==========  ======================================================================

What differs from AWS: a job sees the objects that its entry point, arguments and parameters name (directly, below a
prefix, or through a JSON list of files), as they were when it began to run; what it writes is in S3 when it has ended.
It gets this machine's cores and two gigabytes, whatever it asks for. Logs go to CloudWatch only; Hive, sessions and
dashboards are refused.
"""

from __future__ import annotations

from pathlib import Path

from local_aws.database import Database
from local_aws.emr.api import EmrServerless
from local_aws.emr.jobs import JobRuns
from local_aws.sagemaker.container import Host
from local_aws.sagemaker.records import Records
from local_aws.services import Keeper

__all__ = ["build"]


def build(database: Database, *, keeper: Keeper, state_dir: Path, host: Host) -> tuple[EmrServerless, JobRuns]:
    """Put the service together; what a dead server left is ended.

    Parameters
    ----------
    database, keeper
        Where records and logs are kept.
    state_dir
        Folder of the server's state; job runs work below ``spark``.
    host
        The machine.
    """
    records = Records(database)
    runs = JobRuns(records, keeper=keeper, work=state_dir / "spark", host=host)
    runs.recover()
    return EmrServerless(records, runs), runs
