"""From normalised windows to the pictures that both interfaces draw.

A :class:`Picture` is one map: values on the grid, a scale that does not move while a run goes on,
and the words around it. Nothing here knows how it is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..experiments.twin import Twin
from ..fields import irfft, relative_vorticity, rfft
from ..systems import System

LAYERS = ("upper", "lower")
VIEWS = ("mean", "sample", "spread", "error")


@dataclass(frozen=True)
class Picture:
    """One map.

    Args:
        title: what it shows.
        note: a few words more.
        values: ``(y, x)``, NaN where there is nothing; ``None`` before there is anything.
        limit: the scale runs from ``-limit`` to ``limit``, or from 0 if it is sequential.
        kind: ``diverging`` or ``sequential``.
        units: of the values.
    """

    title: str
    note: str = ""
    values: np.ndarray | None = None
    limit: float = 1.0
    kind: str = "diverging"
    units: str = ""


@dataclass(frozen=True)
class Look:
    """What a person looks at.

    Args:
        time: step of the window, from 0.
        layer: counted from 0.
        quantity: a name of ``QUANTITIES``.
        view: of the estimates, one of ``VIEWS``.
        member: for the view ``sample``, from 1.
        observed: instrument and channels, a text of :func:`observables`.
    """

    time: int = 0
    layer: int = 0
    quantity: str = "relative vorticity"
    view: str = "mean"
    member: int = 1
    observed: str = ""


@dataclass(frozen=True)
class Quantity:
    """A field that can be shown.

    Args:
        label: its name.
        units: units after ``factor``.
        factor: from SI units to those shown.
        of: from normalised states ``(..., lev, y, x)`` to the field in SI units, same shape.
    """

    label: str
    units: str
    factor: float
    of: Callable[[System, Tensor], Tensor]

    def __call__(self, system: System, states: Tensor) -> Tensor:
        """The field in the units shown, same shape as ``states``."""
        return self.factor * self.of(system, states)


def potential_vorticity(system: System, states: Tensor) -> Tensor:
    """PV [1/s] of normalised states, same shape."""
    return states.double() * system.scale


def vorticity(system: System, states: Tensor) -> Tensor:
    """Relative vorticity [1/s] of normalised two-layer states, same shape."""
    model = system.model
    spectrum = rfft(potential_vorticity(system, states))
    return irfft(relative_vorticity(model.layers.streamfunction(spectrum, model.grid), model.grid))


QUANTITIES: Mapping[str, Quantity] = {
    "relative vorticity": Quantity("relative vorticity", "10⁻⁶ s⁻¹", 1e6, vorticity),
    "PV": Quantity("potential vorticity", "10⁻⁶ s⁻¹", 1e6, potential_vorticity),
}


def round_up(value: float) -> float:
    """The next of 1, 1.5, 2, 3, 4, 5, 6, 8, 10 times a power of ten."""
    if not (value > 0 and math.isfinite(value)):
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    steps = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)
    return next(step * power for step in steps if step * power >= value * (1 - 1e-9))


class Scene:
    """A truth and its observations, ready to be drawn; what costs time is kept.

    Args:
        twin: the truth and the problem that was made from it.
    """

    def __init__(self, twin: Twin) -> None:
        self.twin = twin
        self._truths: dict[str, Tensor] = {}

    def truth(self, look: Look) -> Tensor:
        """The true field of the layer at every step, ``(time, y, x)``."""
        if look.quantity not in self._truths:
            quantity = QUANTITIES[look.quantity]
            self._truths[look.quantity] = quantity(self.twin.system, self.twin.truth)
        return self._truths[look.quantity][:, look.layer]

    def scale(self, look: Look) -> tuple[float, float]:
        """Limit of the fields, three standard deviations of the truth, and of errors, one."""
        std = float(self.truth(look).std())
        return round_up(3 * std), round_up(std)


def truth_picture(scene: Scene, look: Look) -> Picture:
    """The true field."""
    quantity = QUANTITIES[look.quantity]
    values = scene.truth(look)[look.time].numpy()
    return Picture("Truth", quantity.label, values, scene.scale(look)[0], units=quantity.units)


def estimate_picture(title: str, note: str, estimate: Tensor, scene: Scene, look: Look) -> Picture:
    """What the view shows of an estimate, normalised ``(members, time, lev, y, x)``."""
    quantity = QUANTITIES[look.quantity]
    ensemble = quantity(scene.twin.system, estimate[:, look.time])[:, look.layer]
    field = seen(look.view, ensemble, scene.truth(look)[look.time], look.member)
    return Picture(
        title, note, field.numpy(),
        scene.scale(look)[look.view in ("spread", "error")],
        "sequential" if look.view == "spread" else "diverging", quantity.units,
    )


def seen(view: str, ensemble: Tensor, truth: Tensor, member: int) -> Tensor:
    """What a view shows of an ensemble of fields, ``(members, y, x) -> (y, x)``."""
    if view == "sample":
        return ensemble[min(member, len(ensemble)) - 1]
    if view == "spread":
        return ensemble.std(dim=0) if len(ensemble) > 1 else torch.zeros_like(ensemble[0])
    mean = ensemble.mean(dim=0)
    return mean - truth if view == "error" else mean


def observables(twin: Twin) -> list[str]:
    """What the network sees, one text per operator and kind of channel: ``velocity u``."""
    return [name if name == group else f"{name} {group}" for name, _, group in _observables(twin)]


def _observables(twin: Twin) -> list[tuple[str, int, str]]:
    """Operator name, number of the instrument, and channel name without its layer."""
    found = []
    for number, instrument in enumerate(twin.problem.network.instruments):
        name = twin.config.operators[number].partition(":")[0]
        groups = dict.fromkeys(c.rstrip("0123456789") for c in instrument.operator.channels)
        found += [(name, number, group) for group in groups]
    return found


def observation_picture(scene: Scene, look: Look) -> Picture:
    """What an instrument sees of the layer on that day, NaN where it does not look."""
    twin = scene.twin
    names = observables(twin)
    wanted = look.observed if look.observed in names else names[0]
    name, number, group = _observables(twin)[names.index(wanted)]
    network = twin.problem.network
    instrument = network.instruments[number]
    channels = instrument.operator.channels
    channel = _channel(channels, group, look.layer)
    data = network.split(twin.problem.data.cpu())[number]
    values = instrument.put(data)[:, channel].double()
    known = values[instrument.mask].abs()
    limit = round_up(float(known.quantile(0.995))) if len(known) else 1.0
    mask = instrument.mask[look.time]
    shown = torch.where(mask, values[look.time], torch.nan)
    cells = int(mask.sum())
    note = f"{channels[channel]} · {cells} cells" if cells else "nothing on this day"
    return Picture(f"Observed: {name}", note, shown.numpy(), limit)


def _channel(channels: tuple[str, ...], group: str, layer: int) -> int:
    """Index of a group's channel in a layer; its first one if it has none there."""
    wanted = f"{group}{layer + 1}"
    if wanted in channels:
        return channels.index(wanted)
    return next(i for i, name in enumerate(channels) if name.rstrip("0123456789") == group)
