"""The two ways to fail: a request that is refused, and a job that ends badly."""

from __future__ import annotations

__all__ = ["JobFailed", "JobStopped", "RequestRefused"]


class RequestRefused(Exception):
    """A request is answered with an AWS error code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class JobFailed(Exception):
    """A job ends as Failed; the message is its FailureReason.

    Parameters
    ----------
    reason
        FailureReason, with AWS's kind of error in front (ClientError, AlgorithmError, InternalServerError).
    exit_message
        What the container left for its caller (ExitMessage of processing jobs).
    """

    def __init__(self, reason: str, exit_message: str = "") -> None:
        super().__init__(reason)
        self.exit_message = exit_message


class JobStopped(Exception):
    """A job ends as Stopped: it was asked to, or ran out of time."""

    def __init__(self, *, out_of_time: bool = False) -> None:
        super().__init__("out of time" if out_of_time else "stopped")
        self.out_of_time = out_of_time
