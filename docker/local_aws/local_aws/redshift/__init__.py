"""Redshift on DuckDB: the Data API and Redshift Serverless, behind a layer that refuses what Redshift refuses.

========================  =======================================================================
``install``               puts both services together on a folder
``data_api``              the Data API: statements in the background, described, listed, cancelled
``statements, records``   what is remembered of statements; results as the API gives them
``serverless``            namespaces and workgroups
``engine``                sessions and transactions on one DuckDB file, a lock a table
``dialect, rules``        what is read, and what is refused (``vocabulary``: the closed lists)
``translate``             Redshift's SQL as DuckDB's (``functions.sql``: the functions)
``definitions``           CREATE, DROP, ALTER
``averages``              the types of averages, which Redshift takes from what is averaged
``loading, unloading``    COPY and UNLOAD (``options``: their grammar)
========================  =======================================================================

What still differs from Redshift: CHAR is not padded and trailing blanks count when text is compared; a quotient of
decimals is a double; an INSERT needs a value for every column it names; SUPER, VARBYTE, GEOMETRY and HLLSKETCH, text
formats but CSV, materialized views, procedures, grants and sessions kept alive are refused as not implemented.
"""

from __future__ import annotations

from pathlib import Path

from local_aws.application import Handler
from local_aws.redshift.data_api import DataApi
from local_aws.redshift.protocol import handler
from local_aws.redshift.serverless import Serverless
from local_aws.redshift.statements import Statements

__all__ = ["install"]


def install(state_dir: Path) -> dict[str, Handler]:
    """Return what answers the requests of both services, by signing name.

    Parameters
    ----------
    state_dir
        Folder of the server's state; everything lies below ``redshift``.
    """
    folder = state_dir / "redshift"
    folder.mkdir(parents=True, exist_ok=True)
    serverless = Serverless(folder)
    data = DataApi(Statements(folder / "statements.db"), serverless.engine)
    return {
        "redshift-data": handler("redshift-data", lambda _: data.operations),
        "redshift-serverless": handler("redshift-serverless", serverless.operations_in),
    }
