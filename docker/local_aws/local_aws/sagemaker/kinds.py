"""The three kinds of job, and how their descriptions name the same things."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["KINDS", "Kind"]


@dataclass(frozen=True, slots=True)
class Kind:
    """Names of one kind of job.

    Parameters
    ----------
    noun
        As in ``CreateTrainingJob``: ``Training``.
    has_secondary_status
        Whether its progress has a finer status with transitions.
    """

    noun: str
    has_secondary_status: bool = False

    @property
    def segment(self) -> str:
        """The kind in ARNs and records."""
        return f"{self.noun.lower()}-job"

    @property
    def name(self) -> str:
        """Field of the job's name."""
        return f"{self.noun}JobName"

    @property
    def arn(self) -> str:
        """Field of the job's ARN."""
        return f"{self.noun}JobArn"

    @property
    def status(self) -> str:
        """Field of the job's status."""
        return f"{self.noun}JobStatus"

    @property
    def summaries(self) -> str:
        """Field of a List answer."""
        return f"{self.noun}JobSummaries"

    @property
    def started(self) -> str:
        """Field of the moment at which the job began to run."""
        return f"{self.noun}StartTime"

    @property
    def ended(self) -> str:
        """Field of the moment at which it ended."""
        return f"{self.noun}EndTime"

    @property
    def log_group(self) -> str:
        """CloudWatch log group of its output."""
        return f"/aws/sagemaker/{self.noun}Jobs"


KINDS = {
    "Training": Kind("Training", has_secondary_status=True),
    "Processing": Kind("Processing"),
    "Transform": Kind("Transform"),
}
