"""CloudWatch log events in the database: moto would keep them in memory and save all of them after each new one."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import Any, ClassVar

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.utils import utcfromtimestamp
from moto.logs import models

from local_aws.database import Database
from local_aws.services import Keeper

__all__ = ["JobLog", "install"]


class StoredStream(models.LogStream):
    """A log stream whose events are rows."""

    database: ClassVar[Database]

    def __init__(self, log_group: models.LogGroup, name: str) -> None:
        self.identity = uuid.uuid4().hex
        super().__init__(log_group, name)

    @property
    def events(self) -> list[models.LogEvent]:
        """All events, in the order in which they came."""
        rows = self.database.query(
            "SELECT position, ingested, timestamp, message FROM log_events WHERE stream = ? ORDER BY position",
            (self.identity,),
        )
        events = []
        for position, ingested, timestamp, message in rows:
            event = models.LogEvent(ingested, {"timestamp": timestamp, "message": message})
            event.event_id = position
            events.append(event)
        if events:
            self.last_ingestion_time = utcfromtimestamp(events[-1].ingestion_time // 1000)
        return events

    @events.setter
    def events(self, value: list[models.LogEvent]) -> None:
        if value:
            raise ValueError("events are added by put_log_events")

    def put_log_events(self, log_events: list[dict[str, Any]]) -> str:
        """Add events; return the next sequence token."""
        now = int(time.time() * 1000)
        self.stored_bytes += sum(len(event["message"]) for event in log_events)
        self.database.execute_many(
            "INSERT INTO log_events (stream, ingested, timestamp, message) VALUES (?, ?, ?, ?)",
            [(self.identity, now, event["timestamp"], event["message"]) for event in log_events],
        )
        self.upload_sequence_token += 1
        return f"{self.upload_sequence_token:056d}"


class JobLog:
    """Where a job's output goes; group and stream are made with the first line, as AWS does."""

    def __init__(self, keeper: Keeper, region: str, group: str, stream: str) -> None:
        self._keeper, self._group, self._stream = keeper, group, stream
        self._backend = models.logs_backends[DEFAULT_ACCOUNT_ID][region]

    def append(self, lines: Sequence[str]) -> None:
        """Add lines, stamped now."""
        with self._keeper.lock("logs"):
            groups = self._backend.groups
            if self._group not in groups or self._stream not in groups[self._group].streams:
                if self._group not in groups:
                    self._backend.create_log_group(self._group, {})
                self._backend.create_log_stream(self._group, self._stream)
                self._keeper.save("logs")
        now = int(time.time() * 1000)
        # CloudWatch refuses empty messages.
        events = [{"timestamp": now, "message": line or " "} for line in lines]
        groups[self._group].streams[self._stream].put_log_events(events)


def install(database: Database) -> None:
    """Put the stored streams in moto's place."""
    StoredStream.database = database
    models.LogStream = StoredStream  # type: ignore[misc]
