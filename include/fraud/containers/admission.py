"""A delivered day on its way into the pipeline: read, checked, written where the steps after it look."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fraud.containers.paths import JobPaths
from fraud.containers.summary import write_summary
from fraud.erasure.erased import Erased
from fraud.ingest.delivery import read_delivery
from fraud.ingest.gate import Admitted, Gate
from fraud.parquet import write_parquet
from fraud.simulator.worlds import World

__all__ = ["Admission"]

_DAYS_KEPT = 4  # of ids, for labels: nearly all of a day's are about one or two days


class Admission:
    """Admits delivered days of a world, one after the other.

    Parameters
    ----------
    paths
        Outputs ``transactions``, ``labels``, ``customers``, ``terminals``, ``quarantine`` and ``summary``; input
        ``transactions`` may hold days before, admitted earlier, input ``erasures`` the list of what was erased.
    world
        The world that the days belong to.
    """

    def __init__(self, paths: JobPaths, world: World) -> None:
        self._paths, self._world = paths, world
        self.erased = Erased.read(paths.input("erasures"))
        self._gate = Gate(world.start, lru_cache(_DAYS_KEPT)(self._ids_of), self.erased)

    def admit(self, folder: Path, day: date, also: Sequence[Path] = ()) -> None:
        """Check a delivered day and write what is admitted of it, what is quarantined, and the day's summary.

        Parameters
        ----------
        folder
            What was delivered (``fraud.ingest.delivery``).
        day
            The day.
        also
            Further output files of the day, for the summary.

        Raises
        ------
        DeliveryRefused
            When nothing of the day may be loaded; nothing of it is written then.
        """
        admitted = self._gate.admit(read_delivery(folder, day))
        files = self._write(day, admitted)
        names = {"labels": "label_deliveries"}
        rows = {names.get(kind, kind): table.num_rows for kind, table in admitted.tables.items()}
        write_summary(self._paths, day, rows, [*files, *also], world=self._world.content_hash, **admitted.findings)

    def _write(self, day: date, admitted: Admitted) -> list[Path]:
        tables, output = admitted.tables, self._paths.output
        files = [
            write_parquet(tables["transactions"], output("transactions") / f"tx_date={day}" / "part.parquet"),
            write_parquet(
                tables["labels"], output("labels") / f"known_date={day}" / "source=chargeback" / "part.parquet"
            ),
            write_parquet(admitted.quarantine, output("quarantine") / f"date={day}" / "part.parquet"),
        ]
        for kind, digest in admitted.digests.items():
            # Named by what was delivered: days that bring the same share one file, and no day changes another's.
            path = output(kind) / f"part-{digest[:16]}.parquet"
            files.append(path if path.exists() else write_parquet(tables[kind], path))
        return files

    def _ids_of(self, day: date) -> NDArray[np.int64] | None:
        for root in (self._paths.output("transactions"), self._paths.input("transactions")):
            files = sorted((root / f"tx_date={day}").glob("[!.]*.parquet"))
            if files:
                ids = [pq.ParquetFile(file).read(columns=["transaction_id"])[0].to_numpy() for file in files]
                return np.sort(np.concatenate(ids))
        return None
