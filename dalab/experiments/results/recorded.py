"""Stand-ins for the parts of a stored result that no text of this process makes.

A result of a user's own objects names them, and says in its attribute ``own_parts`` which. Where
the same names are registered when it is read, the parts are made anew; otherwise these stand-ins
hold what the file says about them, which is enough to show the result. They cannot compute.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from ...errors import InputError
from ...observations import Instrument, ObservingNetwork, Operator
from ...observations.noise import Gaussian
from ...priors import Prior, SpectralCovariance
from ...systems import SYSTEMS, System
from ..config import Config, unique_labels

OWN, SYSTEM = "own_parts", "system"
"""Attributes of a result: the fields with a user's own parts; a description of their system."""

_PLAIN = (
    "name", "interval", "time_unit", "length_unit", "units", "symbol", "quantity", "variable_word",
    "geometry",
)
_TUPLES = ("shape", "dims", "sides", "variables")


def describe_system(system: System) -> str:
    """The attributes of a system as JSON, as far as its results need them."""
    plain = {name: getattr(system, name) for name in _PLAIN}
    return json.dumps(plain | {name: list(getattr(system, name)) for name in _TUPLES})


def own_parts(tree: xr.DataTree) -> frozenset[str]:
    """The fields of the config of a result whose parts were a user's own objects."""
    return frozenset(str(tree.attrs.get(OWN, "")).split())


def system_of(tree: xr.DataTree) -> System:
    """The system of a result, or its stand-in.

    Raises:
        InputError: if the result names a system that is neither known nor described.
    """
    name = Config.from_json(tree.attrs["config"]).system
    if SYSTEM not in tree.attrs:
        return SYSTEMS.make(name)
    recorded = RecordedSystem(tree)
    known = SYSTEMS.make(name) if name.partition(":")[0] in SYSTEMS else recorded
    return known if known.shape == recorded.shape else recorded


class RecordedSystem(System):
    """The system that a result describes; it has its geometry and units, but no dynamics.

    Args:
        tree: the result.
    """

    def __init__(self, tree: xr.DataTree) -> None:
        about: Mapping[str, Any] = json.loads(tree.attrs[SYSTEM])
        for name in _PLAIN:
            setattr(self, name, about[name])
        for name in _TUPLES:
            setattr(self, name, tuple(about[name]))
        self._coords = {
            name: cast(xr.DataArray, tree[name]).values.tolist() for name in self.dims
        }
        self.__dict__["scale"] = self._by_field(tree, "pv_scale", 1.0)
        self.__dict__["offset"] = self._by_field(tree, "pv_offset", 0.0)

    def _by_field(self, tree: xr.DataTree, name: str, otherwise: float) -> Tensor:
        values = tree[name].values if name in tree else np.full(self.shape[0], otherwise)
        return torch.from_numpy(np.array(values, dtype=np.float64))[:, None, None]

    def coords(self) -> Mapping[str, list[float]]:
        return self._coords

    def step(self, x: Tensor, n: int = 1, generator: torch.Generator | None = None) -> Tensor:
        raise unknown("system", self.name)


class RecordedOperator(Operator):
    """An operator of which only the observed fields are known.

    Args:
        name: text that the result has for it.
        channels: names of its fields.
        system: the system that is observed.
    """

    def __init__(self, name: str, channels: tuple[str, ...], system: System) -> None:
        self._name, self._channels = name, channels
        super().__init__(system)

    @property
    def channels(self) -> tuple[str, ...]:
        return self._channels

    def check(self) -> None:
        """There is nothing to try."""

    def __call__(self, x: Tensor) -> Tensor:
        raise unknown("operator", self._name)


class RecordedPrior(Prior):
    """A prior of which only the shape of its windows is known."""

    def denoise(self, x: Tensor, sigma: Tensor | float) -> Tensor:
        raise unknown("prior", self.name)

    def error_covariance(self, sigma: float) -> SpectralCovariance:
        raise unknown("prior", self.name)

    @property
    def climatological_covariance(self) -> SpectralCovariance:
        raise unknown("prior", self.name)


def recorded_network(tree: xr.DataTree, config: Config, system: System) -> ObservingNetwork:
    """The network of a result as its observations show it."""
    instruments = []
    for name, text in zip(unique_labels(config.operators), config.operators, strict=True):
        observed = cast(xr.DataArray, tree[f"observations/{name}/observed"])
        channels = tuple(str(channel) for channel in observed["channel"].values)
        operator, seen = RecordedOperator(text, channels, system), observed.values
        cells = torch.from_numpy(np.isfinite(seen).all(1))
        instruments.append(
            Instrument(operator, cells, Gaussian(), config.noise, config.assumed_noise)
        )
    return ObservingNetwork(tuple(instruments))


def unknown(kind: str, name: str) -> InputError:
    """The error of a stand-in that is asked to compute."""
    return InputError(
        kind, name, "is not known here: the result was made with a user's own object",
        "Register it under this name first: @dalab.register.",
    )
