"""Fields of recipes: plain values and lists of them, checked against their bounds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import param

from ...errors import InputError
from ...options import suggestion
from ...values import SEEDS, checked

LEVELS = 8
"""Most widths, depths, operators or masks."""


class RecipeFields:
    """Base of recipes, dataclasses of plain fields that are checked when one is made.

    Attributes:
        plain: types and bounds of fields of one value.
        each: types and bounds of the values in lists.
        example: where to see a recipe that works.
    """

    plain: ClassVar[dict[str, param.Parameter]] = {}
    each: ClassVar[dict[str, param.Parameter]] = {}
    example: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for name, parameter in self.each.items():
            values = getattr(self, name)
            if not isinstance(values, list | tuple) or len(values) > LEVELS:
                raise InputError(name, values, f"must be a list of at most {LEVELS}", self.example)
            found = tuple(checked(name, parameter, one, self.example) for one in values)
            object.__setattr__(self, name, found)
        for name, parameter in self.plain.items():
            value = checked(name, parameter, getattr(self, name), self.example)
            object.__setattr__(self, name, value)

    def check_sizes(self, widths: tuple[int, ...], depths: tuple[int, ...]) -> None:
        """Raise unless there is one depth for each width."""
        if not widths or len(widths) != len(depths):
            raise InputError(
                "depths", depths, f"must be one for each of the {len(widths)} widths", self.example
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Make a recipe from plain data.

        Raises:
            InputError: for an unknown or missing field, or a value out of bounds.
        """
        fields = dataclasses.fields(cls)  # type: ignore[arg-type]
        known = [field.name for field in fields]
        for key in values:
            if key not in known:
                hint = suggestion(str(key), known, "Remove it.")
                raise InputError("recipe field", key, f"must be one of {', '.join(known)}", hint)
        for field in fields:
            if field.default is dataclasses.MISSING and field.name not in values:
                raise InputError("recipe", dict(values), f"must have a {field.name}", cls.example)
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain data: strings, numbers and lists."""
        found = dataclasses.asdict(self)  # type: ignore[call-overload]
        return {key: list(v) if isinstance(v, tuple) else v for key, v in found.items()}


def whole(least: int, most: int) -> param.Integer:
    """Field of a whole number."""
    return param.Integer(least, bounds=(least, most))


def real(least: float, most: float) -> param.Number:
    """Field of a real number."""
    return param.Number(least, bounds=(least, most))


COUNT = 10**9

SCHEDULE: dict[str, param.Parameter] = {
    "name": param.String(
        "new", regex=r"[\w.-]+\Z", doc="made of letters, digits, dots, hyphens and underscores"
    ),
    "system": param.String("", doc="see: dalab list systems"),
    "steps": whole(1, COUNT), "batch": whole(1, 10**6), "warmup": whole(0, COUNT),
    "checkpoint_every": whole(1, COUNT), "seed": whole(0, SEEDS), "rate": real(1e-8, 1.0),
    "hold": real(0.0, 1.0), "average": real(0.0, 0.999999), "compile": param.Boolean(False),
}
"""Fields of every training."""

TRAINING: dict[str, param.Parameter] = {
    **SCHEDULE, "data": param.String("", doc="an archive, or climate:64x800"),
    "patch": whole(1, 64), "held_out": whole(1, 10**6),
}
"""Fields of the training of a network on the grid, from stored states."""

OBSERVED: dict[str, param.Parameter] = {
    "operators": param.String("", doc="see: dalab list operators"),
    "masks": param.String("", doc="see: dalab list masks"),
}
"""Lists of an observing network."""

SIZES = {"widths": whole(1, 4096), "depths": whole(0, 64)}
"""Lists of every network."""
