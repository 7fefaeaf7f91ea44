"""What a run of ``fraud_training`` is asked to do: train, promote an earlier version, pause, resume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from fraud import layout
from fraud.errors import ConfigurationError, ConflictError, MissingInputError
from fraud.features.catalogue import LOOK_BACK_DAYS
from fraud.models.candidates import read_overrides, training_hyperparameters
from fraud.orchestration.objects import Objects
from fraud.orchestration.registry import Package, champion_of, check_features, package_of_version
from fraud.orchestration.tuning import check_window
from fraud.settings import Settings
from fraud.simulator.worlds import World

__all__ = ["promotion_request", "retraining_paused", "training_request", "training_run"]

_MOST_CANDIDATES = 7  # a processing job takes ten inputs: theirs, the champion, the held-out rows, the request


def training_run(
    settings: Settings,
    objects: Objects,
    packages: Sequence[Package],
    world: World,
    params: Mapping[str, Any],
    *,
    day: date,
    run: str,
    user: str | None,
    scheduled: bool,
) -> dict[str, Any]:
    """Return the request of one run of ``fraud_training``.

    Parameters
    ----------
    settings, objects, packages, world
        The deployment, what is registered, and what it runs.
    params
        The run's params.
    day
        The day on which it runs, which ``as_of`` stands for when it is empty.
    run
        The run's folder.
    user
        Who triggered it, if a person did.
    scheduled
        Whether the schedule did: such a run does nothing while retraining is paused.

    Returns
    -------
    dict
        ``run``, and ``training``, ``promotion`` and ``retraining``, of which at most one is not None.

    Raises
    ------
    FraudError
        When what is asked for contradicts itself or cannot work.
    """
    as_of = date.fromisoformat(params["as_of"]) if params["as_of"] else day
    asked = {"run": run, "user": user, "training": None, "promotion": None, "retraining": None}
    version, retraining = params["promote_version"], params["retraining"]
    overrides = read_overrides(params["hyperparameters"])
    other = [name for name, given in (("hyperparameters", overrides), ("tune", params["tune"])) if given]
    if retraining != "keep":
        if version is not None or other:
            wrong = "promote_version" if version is not None else other[0]
            raise ConfigurationError(f"to {retraining} retraining is all that a run does; leave {wrong} empty")
        return {**asked, "retraining": retraining}
    if version is not None:
        if other:
            raise ConfigurationError(f"promoting version {version} trains nothing; leave {other[0]} empty")
        promotion = promotion_request(
            settings, objects, packages, version, effective_from=as_of, run=run, user=user,
            approval=params["require_approval"],
        )  # fmt: skip
        return {**asked, "promotion": promotion}
    if scheduled and retraining_paused(objects):
        return asked
    training = training_request(
        settings,
        world,
        kind=params["kind"] or ("scheduled" if scheduled else "manual"),
        as_of=as_of,
        run=run,
        candidates=params["candidates"],
        hyperparameters=overrides,
        window_days=params["window_days"],
        tune=params["tune"],
        approval=params["require_approval"],
    )
    return {**asked, "training": training}


def retraining_paused(objects: Objects) -> bool:
    """Tell whether a person has paused the retraining loop: the weekly training and the drift decision's."""
    return bool((objects.read_json(layout.retraining()) or {}).get("paused"))


def promotion_request(
    settings: Settings,
    objects: Objects,
    packages: Sequence[Package],
    version: int,
    *,
    effective_from: date,
    run: str,
    user: str | None,
    approval: bool,
) -> dict[str, Any]:
    """Return the request to have an earlier version score from a day on.

    Raises
    ------
    ConfigurationError
        When there is no such version, or it scores that day anyway.
    ConflictError
        When it was trained on other features, the day is scored already, or a later version is due after it.
    MissingInputError
        When its artefact or its verdict is gone, or there is no champion that it would replace.
    """
    package = package_of_version(packages, version)
    check_features(settings, package)
    champion = champion_of(effective_from, packages)
    if package.model_data == champion.model_data:
        same = "" if champion.version == version else f", the same model as version {version}"
        raise ConfigurationError(
            f"{effective_from} is scored by version {champion.version}{same}, already; nothing to promote"
        )
    scored = objects.read_json(layout.manifest("scoring", effective_from))
    if scored is not None:
        raise ConflictError(
            f"{effective_from} was scored by version {scored['model_version']} already; promote as of a later day, "
            "or compare with fraud_history's step 'rescore'"
        )
    later = [p for p in packages if p.approval == "Approved" and p.effective_from > str(effective_from)]
    if later:
        raise ConflictError(
            f"version {later[-1].version} takes over on {later[-1].effective_from}; "
            "promote as of that day or a later one"
        )
    for uri in (package.model_data, settings.layout.uri(f"{layout.training(package.metadata['run'])}verdict.json")):
        root = settings.layout.uri("")
        if uri.startswith(root) and not objects.exists(uri.removeprefix(root)):
            raise MissingInputError(f"{uri} of version {version} is gone; train again")
    return {
        "run": run,
        "version": version,
        "kind": "rollback" if version < champion.version else "manual",
        "instead_of": champion.version,
        "effective_from": str(effective_from),
        "user": user,
        "approval": approval,
    }


def training_request(
    settings: Settings,
    world: World,
    *,
    kind: str,
    as_of: date,
    run: str,
    candidates: Sequence[str] | None = None,
    hyperparameters: Mapping[str, Mapping[str, Any]] | None = None,
    window_days: int | None = None,
    tune: Sequence[str] = (),
    approval: bool = False,
) -> dict[str, Any]:
    """Return the request of one training run.

    Parameters
    ----------
    settings, world
        The deployment and what it runs.
    kind
        ``bootstrap``, ``scheduled``, ``alarm`` or ``manual``: which promotion rule applies.
    as_of
        Labels known before this day (00:00 UTC) may be used; the model may score from this day on.
    run
        The run's name: its folder, and what makes a repeated registration find the first.
    candidates
        Names of ``fraud.models.candidates``; the settings' default otherwise.
    hyperparameters
        Overrides by candidate.
    window_days
        Labelled days to train on; the settings' default otherwise.
    tune
        Candidates whose hyperparameters are searched too; each joins the others as ``<candidate>_tuned``.
    approval
        Whether a person has the last word on a promotion.

    Raises
    ------
    ConfigurationError
        For an unknown candidate, a hyperparameter out of range, or more candidates than can be compared at once.
    MissingInputError
        When fewer than seven labelled days with full windows exist by then, or too few to tune on.
    """
    names = list(candidates or settings.training.candidates)
    end = as_of - timedelta(days=1 + settings.label_delay_days)
    filled = world.start + timedelta(days=LOOK_BACK_DAYS)
    start = max(end - timedelta(days=(window_days or settings.training.window_days) - 1), filled)
    if (end - start).days < 6:
        raise MissingInputError(
            f"training as of {as_of} finds fewer than 7 labelled days with full windows: labels reach to {end}, "
            f"windows are full from {filled}; "
            f"train as of {filled + timedelta(days=7 + settings.label_delay_days)} or later"
        )
    overrides = hyperparameters or {}
    unknown = sorted(set(overrides) - set(names))
    if unknown:
        raise ConfigurationError(
            f"hyperparameters are given for {unknown[0]!r}, which is not trained; candidates: {', '.join(names)}"
        )
    untrained = sorted(set(tune) - set(names))
    if untrained:
        raise ConfigurationError(f"{untrained[0]!r} is to be tuned, but not trained; candidates: {', '.join(names)}")
    if len(names) + len(tune) > _MOST_CANDIDATES:
        raise ConfigurationError(
            f"{len(names)} candidates and {len(tune)} tuned ones are more than the {_MOST_CANDIDATES} that one run "
            "compares; choose fewer"
        )
    if tune:
        check_window(settings, start, end)
    return {
        "run": run,
        "kind": kind,
        "as_of": str(as_of),
        "start": str(start),
        "end": str(end),
        "candidates": {
            name: training_hyperparameters(
                name, overrides.get(name, {}), seed=settings.training.seed, feature_version=settings.feature_version
            )
            for name in names
        },
        "tune": list(tune),
        "approval": approval,
    }
