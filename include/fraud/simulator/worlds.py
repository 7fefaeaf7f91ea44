"""What a world is: YAML or JSON in, one frozen object out.

Read by Airflow tasks too, so it needs the standard library, pydantic and PyYAML only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from fraud.errors import ConfigurationError, ConflictError, MissingInputError
from fraud.simulator.conditions import Conditions
from fraud.simulator.episodes import AnyEpisode, LabelDelay, ScenarioChanges, ScenarioStarts, Turnover
from fraud.simulator.refusals import At, refusal
from fraud.simulator.scenarios import AnyScenario
from fraud.simulator.yaml_lines import parse_yaml

__all__ = [
    "History",
    "Labels",
    "Spending",
    "World",
    "anchor",
    "conditions",
    "drift_from",
    "load_world",
    "named_worlds",
    "read_world",
]

MAX_IDS = 2**23
"""Customers, and terminals, that a world can have over all its time (their ids share a sort key with the second)."""

_Share = Annotated[float, Field(ge=0, le=1)]


class _Block(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Spending(_Block):
    """How customers spend (handbook, chapter 3, "Customer profiles generation")."""

    mean_amount: tuple[float, float] = Field((5.0, 100.0), description="range of the customers' mean amounts, uniform")
    deviation: float = Field(0.5, ge=0, le=10, description="standard deviation of a customer's amounts, in its means")
    transactions_per_day: tuple[float, float] = Field((0.0, 4.0), description="range of the customers' rates, uniform")
    time_mean_seconds: float = Field(43200.0, ge=0, le=86400, description="mean time of day")
    time_deviation_seconds: float = Field(20000.0, gt=0, le=1e6)

    @field_validator("mean_amount", "transactions_per_day")
    @classmethod
    def _ordered(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= value[0] <= value[1] <= 1e6:
            raise ValueError(f"expected 0 <= low <= high <= 1000000, got {list(value)}")
        return value


class Labels(_Block):
    """When verdicts become known."""

    delay_days: int = Field(7, ge=0, le=366, description="chargebacks, and the absence of one, by timestamp")
    investigation_hour: int = Field(18, ge=0, le=23, description="hour (UTC) of the day after the alert")
    missed_share: _Share = Field(0.0, description="share of the frauds first delivered as genuine")
    correction_days: int = Field(14, ge=1, le=366, description="days after the first label until it is corrected")


class History(_Block):
    """Which days an environment is bootstrapped with, as day indices."""

    train_as_of: int = Field(
        ge=0, description="the first champion is trained with what is known at the end of this day"
    )
    daily_from: int = Field(ge=1, description="first day of the daily schedule")


class World(_Block):
    """A world: who lives in it, how frauds are committed, what changes over time."""

    name: str = ""
    description: str = ""
    seed: int = Field(0, ge=0, lt=2**63)
    start: date = Field(date(2025, 1, 1), description="date of day 0")
    days: int = Field(183, ge=1, le=36600, description="days worth looking at; a world itself has no end")
    history: History = History(train_as_of=71, daily_from=85)
    customers: int = Field(ge=1, lt=MAX_IDS)
    terminals: int = Field(ge=1, lt=MAX_IDS)
    radius: float = Field(gt=0, le=150, description="customers use terminals nearer than this, on the 100 x 100 grid")
    spending: Spending = Spending()
    labels: Labels = Labels()
    scenarios: tuple[AnyScenario, ...] = ()
    episodes: tuple[AnyEpisode, ...] = ()

    @field_validator("scenarios")
    @classmethod
    def _names_differ(cls, scenarios: tuple[AnyScenario, ...]) -> tuple[AnyScenario, ...]:
        names = [scenario.name for scenario in scenarios]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise At((index, "name"), f"a second scenario named {name!r}; give it another name")
        return scenarios

    @field_validator("episodes")
    @classmethod
    def _do_not_overlap(cls, episodes: tuple[AnyEpisode, ...]) -> tuple[AnyEpisode, ...]:
        for index, episode in enumerate(episodes):
            for other_index, other in enumerate(episodes[:index]):
                same = (episode.kind, episode.target) == (other.kind, other.target)
                if same and _overlap(episode.start, episode.end, other.start, other.end):
                    raise At(
                        (index, "start"), f"overlaps episode {other_index}, which is {other.kind} too; end it first"
                    )
        return episodes

    @model_validator(mode="after")
    def _episodes_fit(self) -> World:
        scenarios = {scenario.name: scenario for scenario in self.scenarios}
        for index, episode in enumerate(self.episodes):
            name = getattr(episode, "scenario", None)
            if name is None:
                continue
            if name not in scenarios:
                known = ", ".join(sorted(scenarios)) or "none"
                raise At(("episodes", index, "scenario"), f"unknown scenario {name!r}; the world has {known}")
            if isinstance(episode, ScenarioStarts) and scenarios[name].intensity != 0:
                raise At(
                    ("episodes", index, "scenario"),
                    f"{name} is there already; give it `intensity: 0` to sleep until then",
                )
            if isinstance(episode, ScenarioChanges):
                _check_changes(index, episode, scenarios[name])
        if self.history.daily_from <= self.history.train_as_of:
            raise At(("history", "daily_from"), f"must be after train_as_of, {self.history.train_as_of}")
        for kind, count in (("customers", self.customers), ("terminals", self.terminals)):
            if count * (1 + len(self.turnovers)) >= MAX_IDS:
                raise At((kind,), f"with its turnover episodes the world has more than {MAX_IDS:,} {kind}")
        return self

    @cached_property
    def turnovers(self) -> tuple[Turnover, ...]:
        """The turnover episodes, in the order of their start."""
        return tuple(sorted((e for e in self.episodes if isinstance(e, Turnover)), key=lambda e: e.start))

    @property
    def daily_from(self) -> int:
        """Index of the first day of the daily schedule."""
        return self.history.daily_from

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of everything that the data depends on: all but the name and the description."""
        content = self.model_dump(mode="json", exclude={"name", "description"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def __hash__(self) -> int:
        return hash(self.content_hash)

    def changed(self, **changes: Any) -> World:
        """Return a copy with some fields changed.

        Raises
        ------
        ConfigurationError
            When the copy would not be a valid world; names the field.
        """
        # model_copy would neither validate nor drop the cached content hash.
        values = {name: getattr(self, name) for name in type(self).model_fields}
        try:
            return World.model_validate({**values, **changes})
        except ValidationError as error:
            raise refusal(error, changes, f"world {self.name or 'unnamed'}", {}) from None

    def date_of(self, day: int) -> date:
        """Return the date of a day index."""
        return self.start + timedelta(days=day)

    def day_index(self, day: date | int) -> int:
        """Return the index of a day.

        Raises
        ------
        MissingInputError
            When the day is before the world begins.
        """
        index = day if isinstance(day, int) else (day - self.start).days
        if index < 0:
            raise MissingInputError(
                f"day {day}: world {self.name or 'unnamed'} begins on {self.start}; ask for a day from then on"
            )
        return index

    def lasts_days(self, scenario: str) -> int:
        """Return the most days that one compromise of a scenario can last, whatever episode it began under."""
        base = next(s for s in self.scenarios if s.name == scenario).lasts_days
        changes = (
            e.to.get("days", 0) for e in self.episodes if isinstance(e, ScenarioChanges) and e.scenario == scenario
        )
        return max([base, *map(round, changes)])

    @property
    def longest_delay_days(self) -> int:
        """Most days between a transaction and its first chargeback label, over all episodes."""
        return max([self.labels.delay_days, *(e.days for e in self.episodes if isinstance(e, LabelDelay))])

    def to_json(self) -> str:
        """Return the world as JSON, its content hash included; :meth:`from_json` reads it back."""
        return json.dumps({**self.model_dump(mode="json"), "content_hash": self.content_hash}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str = "world.json") -> World:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        ConfigurationError
            When the text is not such a world; names the file and the field.
        ConflictError
            When the content is not what its hash says.
        """
        try:
            content = json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigurationError(
                f"{where}: line {error.lineno}: not JSON: {error.msg}; write it with World.to_json"
            ) from None
        stated = content.pop("content_hash", None) if isinstance(content, dict) else None
        world = _validated(content, where, {})
        if stated is not None and stated != world.content_hash:
            raise ConflictError(
                f"{where}: content_hash: is {stated[:12]}…, but the content's is {world.content_hash[:12]}…: "
                "it was changed after it was written, or written by another version; anchor the world again"
            )
        return world

    def refuse_other(self, content_hash: str, where: str) -> None:
        """Refuse to mix days of this world with those of another.

        Raises
        ------
        ConflictError
            When the content hash found at ``where`` is another world's.
        """
        if content_hash != self.content_hash:
            raise ConflictError(
                f"{where}: holds days of the world {content_hash[:12]}…, not of {self.name or 'this one'} "
                f"({self.content_hash[:12]}…); use another prefix, or delete those days first"
            )


def _overlap(start: int, end: int | None, other_start: int, other_end: int | None) -> bool:
    return (end is None or other_start < end) and (other_end is None or start < other_end)


def _check_changes(index: int, episode: ScenarioChanges, scenario: AnyScenario) -> None:
    numbers = {n for n in type(scenario).model_fields if isinstance(getattr(scenario, n), int | float)}
    for field in episode.to:
        if field not in numbers:
            raise At(
                ("episodes", index, "to", field),
                f"unknown parameter of {scenario.name}; it has {', '.join(sorted(numbers))}",
            )
    try:
        type(scenario).model_validate({**scenario.model_dump(), **episode.values(scenario, 1.0)})
    except ValidationError as error:
        first = error.errors()[0]
        raise At(("episodes", index, "to", *first["loc"]), first["msg"]) from None


@lru_cache(maxsize=4096)
def conditions(world: World, day: int) -> Conditions:
    """Return what holds on a day: the world's own values, changed by the episodes active on it."""
    state = Conditions(world.scenarios, world.labels.delay_days)
    for episode in world.episodes:
        strength = episode.strength(day)
        if strength > 0:
            state = episode.apply(state, strength, day)
    return state


def named_worlds() -> dict[str, Path]:
    """Return the files of the worlds that come with the library, by name."""
    folder = Path(__file__).parent.parent / "worlds"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_world(name_or_path: str | Path) -> World:
    """Load a world by name, or from a YAML file.

    Raises
    ------
    ConfigurationError
        When there is no such world, or its file is wrong; names the file, the line and the field.
    """
    named = named_worlds()
    path = named.get(str(name_or_path), Path(name_or_path))
    if not path.is_file():
        raise ConfigurationError(
            f"world {str(name_or_path)!r}: neither a file nor one of {', '.join(named)}; name one of them"
        )
    content, lines = parse_yaml(path)
    if isinstance(content, dict):
        content.setdefault("name", path.stem)
    return _validated(content, str(path) if path not in named.values() else path.name, lines)


def read_world(path: Path) -> World:
    """Read an anchored world (``world.json``).

    Raises
    ------
    MissingInputError
        When there is none.
    """
    if not path.is_file():
        raise MissingInputError(f"{path}: no world here; bootstrap the environment first (fraud_history)")
    return World.from_json(path.read_text(encoding="utf-8"), str(path))


def anchor(world: World, first_day: date) -> World:
    """Return the world moved in time so that its daily schedule begins on a date."""
    return world.changed(start=first_day - timedelta(days=world.daily_from))


def drift_from(world: World, day: int) -> World:
    """Return the world with its episodes moved in time, so that the first begins on a day index."""
    if not world.episodes:
        return world
    later = day - min(episode.start for episode in world.episodes)
    moved = [
        episode.model_copy(
            update={"start": episode.start + later, "end": None if episode.end is None else episode.end + later}
        )
        for episode in world.episodes
    ]
    return world.changed(episodes=tuple(moved))


def _validated(content: Any, where: str, lines: Mapping[tuple[int | str, ...], int]) -> World:
    try:
        return World.model_validate_json(json.dumps(content, default=str))
    except ValidationError as error:
        raise refusal(error, content, where, lines) from None
