"""What the tasks between the operators do: plan a job, or check and record what it wrote.

Each ``plan_*`` returns a job configuration; each ``record_*`` checks the outputs, writes the days' manifests and
returns the SQL that loads them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

from fraud import layout, warehouse
from fraud.days import days_between
from fraud.errors import ConflictError
from fraud.features.catalogue import LOOK_BACK_DAYS
from fraud.orchestration import jobs, manifests
from fraud.orchestration.manifests import Manifest, read_days
from fraud.orchestration.objects import Objects
from fraud.orchestration.registry import Package, champion_of, check_features, package_of_version
from fraud.orchestration.requests import read_world, step_days
from fraud.orchestration.spark import spark_job
from fraud.settings import Settings
from fraud.simulator.worlds import World

__all__ = [
    "DELIVERED",
    "Stage",
    "Target",
    "choose_champions",
    "plan_collection",
    "plan_features",
    "plan_investigation",
    "plan_segment",
    "record_features",
    "record_investigation",
    "record_scores",
    "record_target",
    "store_world",
]

Request = Mapping[str, Any]


class Target(NamedTuple):
    """Where the scores of a range of days go: the step that keeps their manifests, and the folder of its outputs."""

    step: str
    folder: str = ""

    @property
    def roots(self) -> dict[str, str]:
        """Key prefix of each output of the collecting job."""
        return {"predictions": f"{self.folder}predictions/", "alerts": f"{self.folder}alerts/"}


DELIVERED = Target("scoring")
"""What the champion of the day says: delivered to the investigators, and measured."""


def store_world(objects: Objects, request: Request) -> str:
    """Store the anchored world once; refuse another one in the same prefix."""
    wanted = World.from_json(request["world"])
    stored = objects.read_text(layout.world())
    if stored is None:
        objects.write_text(layout.world(), wanted.to_json())
    elif World.from_json(stored).content_hash != wanted.content_hash:
        raise ConflictError(
            f"{layout.world()} holds world {World.from_json(stored).name!r} as anchored before; "
            "a prefix holds one world: use another prefix"
        )
    return wanted.content_hash


def plan_features(settings: Settings, objects: Objects, request: Request, attempt: int) -> dict[str, Any]:
    """Plan the job that computes the days' features from their look-back and themselves, on the engine of choice."""
    days = step_days(request, "features")
    raw = _raw_days(objects, days)
    stage = Stage(objects, request)
    uri = settings.layout.uri
    name = jobs.job_name(settings, f"features-{days[-1]}", request["run"], attempt)
    arguments = {"start": str(days[0]), "end": str(days[-1]), "version": settings.feature_version}
    inputs = [
        stage.input("transactions", "raw/transactions/", raw),
        stage.input("labels", "raw/labels/", raw, "source=chargeback"),
    ]
    outputs = {
        "features": uri(f"features/version={settings.feature_version}/"),
        "scoring": uri("scoring/input/"),
        "summary": uri("summaries/features/"),
    }
    if settings.feature_engine == "emr":
        given = {**arguments, **{item.name: item.uri for item in inputs}, **outputs}
        return spark_job(settings, objects, stage.folder, name, given)
    options = [word for key, value in arguments.items() for word in (f"--{key}", value)]
    labelled = jobs.labels(request["run"], str(days[0]), str(days[-1]))
    return jobs.processing_job(settings, name, ["features", *options], inputs, outputs, labelled)


def record_features(settings: Settings, objects: Objects, request: Request) -> list[str]:
    """Record the days' features; return the SQL that loads them."""
    days = step_days(request, "features")
    raw = _raw_days(objects, days)
    root = f"features/version={settings.feature_version}/"

    def look_back(day: date) -> list[Manifest]:
        since = str(day - timedelta(days=LOOK_BACK_DAYS))
        return [manifest for manifest in raw if since <= manifest.content["date"] <= str(day)]

    recorded = manifests.record_days(
        objects,
        "features",
        days,
        partial(layout.summary, "features"),
        {"features": root, "scoring": "scoring/input/"},
        look_back,
        {"feature_version": settings.feature_version},
        raw[-1].content["world"],
    )
    copy = Stage(objects, request).copy("features", recorded, root)
    return warehouse.load_days(warehouse.features_table(settings.feature_version), days[0], days[-1], copy)


def choose_champions(
    settings: Settings, objects: Objects, packages: Sequence[Package], request: Request, attempt: int
) -> list[dict[str, Any]]:
    """Choose who scores the days: one segment, with its transform, for each run of days of one model version.

    A scored day keeps the version in its manifest.
    """
    days = step_days(request, "scoring")

    def version_of(day: date) -> int:
        scored = objects.read_json(layout.manifest("scoring", day))
        return int(scored["model_version"]) if scored else champion_of(day, packages).version

    return [
        plan_segment(settings, objects, request, package_of_version(packages, version), list(group), number, attempt)
        for number, (version, group) in enumerate(groupby(days, key=version_of))
    ]


def plan_segment(
    settings: Settings,
    objects: Objects,
    request: Request,
    package: Package,
    days: Sequence[date],
    number: int,
    attempt: int,
) -> dict[str, Any]:
    """Plan the transform of some days by one model version.

    Raises
    ------
    ConflictError
        When the version was trained on other features.
    """
    check_features(settings, package)
    stage = Stage(objects, request)
    inputs = read_days(objects, "features", days, "scoring")
    manifest = stage.input(f"scoring-{number}", "scoring/input/", inputs)
    name = jobs.job_name(settings, f"score-{days[-1]}-{number}", request["run"], attempt)
    output = f"{stage.folder}transform/{number}/"
    return {
        "start": str(days[0]),
        "end": str(days[-1]),
        "version": package.version,
        "model_data": package.model_data,
        "output": output,
        "transform": jobs.transform_job(
            settings,
            name,
            package.arn,
            manifest.uri,
            settings.layout.uri(output),
            jobs.labels(request["run"], str(days[0]), str(days[-1])),
        ),
    }


def plan_collection(
    settings: Settings,
    objects: Objects,
    request: Request,
    segments: Sequence[Mapping[str, Any]],
    attempt: int,
    target: Target = DELIVERED,
) -> list[dict[str, Any]]:
    """Plan the jobs, one a segment, that turn the transforms' outputs into predictions, alerts and their reasons."""
    uri = settings.layout.uri
    stage = Stage(objects, request)
    compromised = stage.unloaded("compromised")
    configurations = []
    for number, segment in enumerate(segments):
        days = days_between(date.fromisoformat(segment["start"]), date.fromisoformat(segment["end"]))
        features = read_days(objects, "features", days, "scoring")
        raw = read_days(objects, "transactions", days, "scoring")
        configurations.append(
            jobs.processing_job(
                settings,
                jobs.job_name(settings, f"collect-{segment['end']}-{number}", request["run"], attempt),
                [
                    "collect",
                    "--start",
                    segment["start"],
                    "--end",
                    segment["end"],
                    "--model-version",
                    str(segment["version"]),
                    "--alert-budget",
                    str(settings.alert_budget),
                ],
                [
                    jobs.Input("transform", uri(segment["output"])),
                    stage.input(
                        f"features-{number}", f"features/version={settings.feature_version}/", features, name="features"
                    ),
                    stage.input(f"transactions-{number}", "raw/transactions/", raw, name="transactions"),
                    jobs.Input("model", segment["model_data"]),
                    *compromised,
                ],
                {
                    **{output: uri(root) for output, root in target.roots.items()},
                    "summary": uri(f"summaries/{target.step}/"),
                },
                jobs.labels(request["run"], segment["start"], segment["end"]),
            )
        )
    return configurations


def record_scores(settings: Settings, objects: Objects, request: Request) -> list[str]:
    """Record the days' predictions and alerts; return the SQL that loads them."""
    days = step_days(request, "scoring")
    recorded = record_target(settings, objects, days, DELIVERED)
    stage = Stage(objects, request)
    return [
        statement
        for table, root in DELIVERED.roots.items()
        for statement in warehouse.load_days(table, days[0], days[-1], stage.copy(table, recorded, root))
    ]


def record_target(settings: Settings, objects: Objects, days: Sequence[date], target: Target) -> list[dict[str, Any]]:
    """Check what the collecting jobs wrote for the days, and write the target's manifests."""
    features = {m.content["date"]: m for m in read_days(objects, "features", days, "scoring")}
    return manifests.record_days(
        objects,
        target.step,
        days,
        partial(layout.summary, target.step),
        target.roots,
        lambda day: [features[str(day)]],
        {"alert_budget": settings.alert_budget, "compromised_days": settings.compromised_days},
        features[str(days[0])].content["world"],
    )


def plan_investigation(settings: Settings, objects: Objects, request: Request, attempt: int) -> dict[str, Any]:
    """Plan the job that plays the investigators: labels for the alerted cards' transactions, known the next day."""
    days = step_days(request, "scoring")
    uri = settings.layout.uri
    scored = read_days(objects, "scoring", days, "the investigation")
    return jobs.processing_job(
        settings,
        jobs.job_name(settings, f"investigate-{days[-1]}", request["run"], attempt),
        ["investigate", "--start", str(days[0]), "--end", str(days[-1])],
        [jobs.Input("world", uri("world/")), Stage(objects, request).input("alerts", "alerts/", scored)],
        {"labels": uri("raw/labels/"), "summary": uri("summaries/investigation/")},
        jobs.labels(request["run"], str(days[0]), str(days[-1])),
    )


def record_investigation(objects: Objects, request: Request) -> list[str]:
    """Record what the investigators found; return the SQL that loads their labels."""
    days = step_days(request, "scoring")
    scored = {m.content["date"]: m for m in read_days(objects, "scoring", days, "the investigation")}
    recorded = manifests.record_days(
        objects,
        "investigation",
        days,
        partial(layout.summary, "investigation"),
        {"labels": "raw/labels/"},
        lambda day: [scored[str(day)]],
        {},
        scored[str(days[0])].content["world"],
    )
    known = [day + timedelta(days=1) for day in (days[0], days[-1])]
    copy = Stage(objects, request).copy("investigation", recorded, "raw/labels/")
    return warehouse.load_days("label_deliveries", known[0], known[1], copy, "investigation")


def _raw_days(objects: Objects, days: Sequence[date]) -> list[Manifest]:
    world = read_world(objects)
    first = max(world.start, days[0] - timedelta(days=LOOK_BACK_DAYS))
    return read_days(objects, "transactions", days_between(first, days[-1]), f"features of {days[0]} to {days[-1]}")


class Stage:
    """What a run stages below its own folder for jobs and loads to read."""

    def __init__(self, objects: Objects, request: Request) -> None:
        self.objects = objects
        self.folder = f"staging/{request['run']}/"

    def input(
        self, key: str, root: str, days: Sequence[Manifest], source: str = "", *, name: str | None = None
    ) -> jobs.Input:
        """Stage the list of the days' files below a root as an input folder of the container."""
        files = [file for manifest in days for file in manifest.files(root, source)]
        uri = manifests.input_manifest(self.objects, f"{self.folder}inputs/{key}.json", root, files)
        return jobs.Input(name or key, uri, manifest=True)

    def copy(self, key: str, recorded: Sequence[Mapping[str, Any]], prefix: str) -> str:
        """Stage the manifest of a COPY of the days' files below a prefix."""
        return manifests.copy_manifest(self.objects, f"{self.folder}copy/{key}.json", recorded, prefix)

    def has(self, recorded: Sequence[Mapping[str, Any]], prefix: str) -> bool:
        """Tell whether the days have files below a prefix."""
        return any(key.startswith(prefix) for manifest in recorded for key in manifest["files"])

    def unloaded(self, name: str) -> list[jobs.Input]:
        """Return the input of what was unloaded; none when the query had no rows and left no file."""
        found = self.objects.list(f"{self.folder}{name}/")
        return [jobs.Input(name, self.objects.layout.uri(f"{self.folder}{name}/"))] if found else []
