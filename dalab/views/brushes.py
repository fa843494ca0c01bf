"""What a person has in hand while painting sensors: the tool, and what the map shows."""

from __future__ import annotations

import param

from .painting import TOOLS

TRUTH, VALUE = "truth", "value of a sensor"
ADD, ERASE = "add", "erase"
ALWAYS, ONCE = "always", "only at this time"


class Brushes(param.Parameterized):
    """The choices of the Sensors page; none of them is part of the experiment."""

    tool = param.Selector(objects=list(TOOLS), label="Tool")
    effect = param.Selector(objects=[ADD, ERASE], label="Drag to")
    width = param.Number(2.0, bounds=(0.5, 12.0), step=0.5, label="Brush and track width (cells)")
    when = param.Selector(objects=[ALWAYS, ONCE], label="Sensors look")
    drift = param.Integer(0, bounds=(-64, 64), label="Track drift (cells)")

    west = param.Number(0.0, label="x from")
    east = param.Number(0.0, label="x to")
    south = param.Number(0.0, label="y from")
    north = param.Number(0.0, label="y to")

    backdrop = param.Selector(objects=[TRUTH, VALUE], label="Map", check_on_set=False)
    method = param.Selector(objects=[""], label="Posterior of", check_on_set=False)
    sensor = param.Selector(objects=[""], label="Sensor", check_on_set=False)
    radius = param.Number(4.0, bounds=(0.0, 16.0), step=0.5, label="Localisation (cells)")

    @property
    def erases(self) -> bool:
        """Whether a drag takes sensors away."""
        return self.effect == ERASE
