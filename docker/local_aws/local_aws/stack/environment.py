"""The variables that each component is started with: Airflow's configuration and the deployment's settings."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from fraud.errors import ConfigurationError
from local_aws.stack.home import USERS, Deployment, Home
from local_aws.stack.ports import HOST, Ports
from local_aws.stack.processes import MARK

__all__ = ["REGION", "airflow_environment", "base_environment", "refuse_real_aws"]

REGION = "us-east-1"
DROPPED = ("AIRFLOW", "AWS_", "PYTHON", "FRAUD_LOCAL", "FLASK_", "VIRTUAL_ENV")
"""Prefixes of variables of the user's shell that must not reach the stack; real AWS credentials among them."""

MALLOC = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": str(2**18), "MALLOC_TRIM_THRESHOLD_": str(2**18)}
"""glibc keeps what was freed, an arena a thread: without these the local AWS had 160 MiB free beside 45 in use."""


def refuse_real_aws(environment: Mapping[str, str] = os.environ) -> None:
    """Refuse to start where boto3 would ignore the local endpoint and talk to the user's real account.

    Raises
    ------
    ConfigurationError
        When ``AWS_IGNORE_CONFIGURED_ENDPOINT_URLS`` is set to true.
    """
    if environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        raise ConfigurationError(
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is true, which sends every call to the real AWS; "
            "unset it and start again"
        )


def base_environment(home: Home, ports: Ports, shell: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what every component gets: the shell's variables without what could mislead it, and the local endpoint."""
    kept = {name: value for name, value in shell.items() if not name.startswith(DROPPED)}
    no_proxy = ",".join(filter(None, [shell.get("NO_PROXY") or shell.get("no_proxy"), HOST, "localhost"]))
    return kept | {
        MARK: str(home.state),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), shell.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
        **MALLOC,
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "AWS_ENDPOINT_URL": f"http://{HOST}:{ports.aws}",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        # The user's own profiles may name endpoints and credentials of real accounts.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def airflow_environment(
    home: Home,
    ports: Ports,
    deployment: Deployment,
    provisioned: Mapping[str, str],
    shell: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """Return the variables of Airflow's components.

    Parameters
    ----------
    home, ports, deployment
        The stack.
    provisioned
        Settings that the local AWS gave a value (``local_aws.provision``).
    shell
        The user's variables; ``FRAUD_*`` among them override this stack's defaults.
    """
    url = f"http://{HOST}:{ports.airflow}"
    keys = home.secrets()
    configuration: dict[str, dict[str, object]] = {
        "core": {
            "dags_folder": home.checkout / "dags",
            "plugins_folder": home.checkout / "plugins",
            "load_examples": False,
            "executor": "LocalExecutor",
            "parallelism": 6,
            "dags_are_paused_at_creation": True,
            "simple_auth_manager_users": ",".join(f"{user}:{role}" for user, role in USERS.items()),
            "simple_auth_manager_passwords_file": home.passwords,
            "execution_api_server_url": f"{url}/execution/",
            # The default asks name servers, which a laptop may not reach.
            "hostname_callable": "socket.gethostname",
        },
        "database": {
            "sql_alchemy_conn": f"sqlite:///{home.airflow / 'airflow.db'}",
            "sql_alchemy_session_maker": "local_aws.stack.sqlite.session_maker",
            "sql_alchemy_connect_args": "local_aws.stack.sqlite.CONNECT",
            "sql_alchemy_connect_args_async": "local_aws.stack.sqlite.CONNECT",
        },
        "api": {
            "host": HOST,
            "port": ports.airflow,
            "base_url": url,
            "workers": 1,
            "secret_key": keys["secret_key"],
            "instance_name": "Fraud detection (local)",
        },
        "api_auth": {"jwt_secret": keys["jwt_secret"]},
        "dag_processor": {
            # A changed file is parsed at once all the same; parsing unchanged ones costs the jobs their processor.
            "min_file_process_interval": 600,
            "parsing_processes": 1,
        },
        "scheduler": {
            "scheduler_idle_sleep_time": 0.2,
            # Two busy cores are no sign of a dead scheduler; a task whose process is gone is one after a minute.
            "scheduler_health_check_threshold": 60,
            "task_instance_heartbeat_timeout": 60,
            # After a power cut the dead scheduler's tasks are looked for again soon: the first look, at the start,
            # comes before it counts as dead.
            "orphaned_tasks_check_interval": 20,
            "enable_health_check": False,
        },
        "triggerer": {"triggerer_health_check_threshold": 60},
        "workers": {
            "execution_api_timeout": 30,
            # A task's end that its supervisor has just missed is noticed after this many seconds (Airflow 3.2.1).
            "min_heartbeat_interval": 1,
        },
        "logging": {"colored_console_log": False, "base_log_folder": home.airflow / "logs"},
        "usage_data_collection": {"enabled": False},
    }
    airflow = {
        f"AIRFLOW__{section.upper()}__{option.upper()}": str(value)
        for section, options in configuration.items()
        for option, value in options.items()
    }
    defaults = {
        "FRAUD_POLL_SECONDS": "0.25",
        # Jobs take seconds here. A task that is back from its deferral before the scheduler has seen it leave is taken
        # for one that died, and is run again (Airflow 3.2.1, LocalExecutor).
        "FRAUD_DEFERRABLE": "false",
        "FRAUD_RETRIES": "2",
        "FRAUD_RETRY_DELAY_SECONDS": "5",
    }
    world = {"FRAUD_WORLD": deployment.world, "FRAUD_FIRST_DAY": str(deployment.first_day)}
    base = base_environment(home, ports, shell)
    return (
        defaults
        | base
        | airflow
        | world
        | dict(provisioned)
        | {
            "AIRFLOW_HOME": str(home.airflow),
            # Its calls are told from the operator's by the key (local_aws.calls), as on AWS by the role.
            "AWS_ACCESS_KEY_ID": "airflow",
            # What boto3 finds by itself; without it every task asks the API server in vain.
            "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
            "NO_COLOR": "1",
        }
    )
