"""Fraud scenarios, one file each: adding one is adding a file with a :class:`Scenario` in it.

``AnyScenario`` is the union of all of them, told apart by ``kind``.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from fraud.simulator.scenarios.base import Scenario

__all__ = ["AnyScenario", "Scenario"]

for _module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    importlib.import_module(f"{__name__}.{_module}")

if TYPE_CHECKING:
    AnyScenario = Scenario
else:
    AnyScenario = Annotated[reduce(or_, Scenario.__subclasses__()), Field(discriminator="kind")]
