"""Files of the networks of score filters, and whether one fits what is observed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ....errors import InputError
from ....observations import ObservingNetwork
from ....priors.files.gaussian_file import check_header
from ....priors.files.header import scales
from ....priors.files.tensors import StoredTensors, open_prior, read_prior, save_prior
from ....systems.base import System
from .recipe import NetworkRecipe
from .score_network import Architecture, ScoreNetwork

FORMAT = "dalab-score-network-1"
FOLDER = Path(__file__).parent / "weights"
SUFFIX = ".safetensors"
OBSERVED, PROBE, PREFIX = "observed", "probe", "network."
"""Names of tensors in a file, and the beginning of those of the weights."""


@dataclass(frozen=True)
class StoredNetwork:
    """A network and what it was trained for.

    Args:
        name: of the network.
        method: whose network it is, one of those that recipes name.
        system: name of its system.
        scale: physical units per normalised unit, of every field.
        network: the network itself.
        probe: what the observing network says of :func:`probe_state`; empty where that is of no
            account.
        facts: recipe, data, training and validation, plain data.
    """

    name: str
    method: str
    system: str
    scale: list[float]
    network: ScoreNetwork
    probe: Tensor
    facts: Mapping[str, Any]

    def misfit(self, method: str, system: System, network: ObservingNetwork) -> str:
        """Say why it cannot be used for a problem; empty if it can."""
        same = torch.allclose(torch.tensor(self.scale), torch.tensor(scales(system)), rtol=1e-6)
        if self.method != method:
            return f"is for {self.method}"
        if self.system != system.name or self.network.shape != tuple(system.shape) or not same:
            return f"is about {self.system}"
        wanted = probe(system, network)
        if len(self.probe) and not (
            self.probe.shape == wanted.shape and torch.allclose(self.probe, wanted, 1e-3, 1e-3)
        ):
            return f"was trained for other observations ({self.observations})"
        return ""

    @property
    def validation(self) -> list[dict[str, float]]:
        """Errors on held-out states, one row per pseudo-time."""
        return list(self.facts["validation"])

    @property
    def observations(self) -> str:
        """Observations that it was trained for, in the words of a config."""
        recipe = NetworkRecipe.from_dict(self.facts["recipe"])
        seen = f"{' '.join(recipe.operators)}, mask {' '.join(recipe.masks)}"
        return f"{seen}, noise {recipe.noise:g}, seed {recipe.seed}"


def probe(system: System, network: ObservingNetwork) -> Tensor:
    """Observations that one time of a network makes of a certain state, and their error stds."""
    i = torch.arange(math.prod(system.shape), dtype=torch.float64)
    state = 2 * torch.sin(1 + 0.7 * i + 1e-3 * i.square()).view(1, *system.shape)
    state = state.expand(network.steps, *system.shape)
    return torch.cat([network.apply(state), network.variance().double().sqrt()]).float()


def save_network(path: Path, stored: StoredNetwork) -> None:
    """Write a network, in half precision.

    Raises:
        InputError: if its numbers are not finite.
    """
    tensors = {
        PREFIX + name: value.detach().cpu().half().contiguous()
        for name, value in stored.network.unet.state_dict().items()
    }
    tensors |= {OBSERVED: stored.network.observed.cpu().clone(), PROBE: stored.probe.cpu()}
    save_prior(path, tensors, {
        "format": FORMAT, "name": stored.name, "method": stored.method, "system": stored.system,
        "scale": stored.scale, "shape": list(stored.network.shape),
        "architecture": stored.network.architecture.to_dict(), **stored.facts,
    })


def load_network(text: str) -> StoredNetwork:
    """Load a network by its name, or from its file.

    Raises:
        InputError: if there is none, or the file is damaged or foreign.
    """
    path = network_path(text)
    return _load_bundled(path) if path.parent == FOLDER else _load(path)


@lru_cache
def _load_bundled(path: Path) -> StoredNetwork:
    """A network of the package, which does not change and is looked at by every experiment."""
    return _load(path)


def _load(path: Path) -> StoredNetwork:
    with open_prior(path) as file:
        return _stored(file, check_header(path, file.header, FORMAT), read_prior(path, file))


def _stored(
    file: StoredTensors, header: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> StoredNetwork:
    sizes = header["architecture"]
    architecture = Architecture(
        tuple(sizes["widths"]), tuple(sizes["depths"]), sizes["patch"], sizes["heads"]
    )
    network = ScoreNetwork(header["shape"], architecture, tensors[OBSERVED])
    network.unet.load_state_dict({
        name.removeprefix(PREFIX): value.float()
        for name, value in tensors.items() if name.startswith(PREFIX)
    })
    facts = {name: header[name] for name in ("recipe", "data", "training", "validation")}
    return StoredNetwork(
        header["name"], header["method"], header["system"], header["scale"], network.eval(),
        tensors[PROBE], facts,
    )


def network_names() -> list[str]:
    """Names of the bundled networks."""
    return sorted(path.name.removesuffix(SUFFIX) for path in FOLDER.glob(f"*{SUFFIX}"))


def network_path(text: str) -> Path:
    """Path of a bundled network, or of a file.

    Raises:
        InputError: if there is neither.
    """
    bundled, file = FOLDER / f"{text}{SUFFIX}", Path(text)
    if bundled.is_file():
        return bundled
    if file.suffix == SUFFIX and file.is_file():
        return file
    raise InputError(
        "network", text,
        f"must be one of {', '.join(network_names()) or 'none yet'}, or a {SUFFIX} file",
        "Train one with: dalab train RECIPE",
    )

