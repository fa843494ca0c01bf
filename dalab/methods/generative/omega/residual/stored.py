"""Files of residual scores, and whether one fits what is observed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .....errors import InputError
from .....observations import ObservingNetwork
from .....priors.files.gaussian_file import check_header
from .....priors.files.header import scales
from .....priors.files.tensors import StoredTensors, open_prior, read_prior, save_prior
from .....systems.base import System
from ....base import Problem
from ...networks.stored import SUFFIX, probe
from .network import ResidualNetwork

FORMAT = "dalab-residual-score-1"
FOLDER = Path(__file__).parent / "weights"
AUTO = "auto"
"""Choice of a bundled residual that fits."""

PROBE, PREFIX = "probe", "network."
"""Names of the tensor of observations in a file, and the beginning of those of the weights."""


GATE = 2.0
"""Standard errors by which held-out losses have to fall for a residual to be used."""


@dataclass(frozen=True)
class Gate:
    """Held-out losses with and without a residual.

    Args:
        without: mean loss of the baseline.
        gain: mean by which the residual lowers it, over held-out trajectories.
        error: standard error of that mean.
    """

    without: float
    gain: float
    error: float

    @property
    def is_open(self) -> bool:
        """True if the residual is better by more than chance."""
        return self.gain > GATE * self.error

    def to_dict(self) -> dict[str, float]:
        """Convert to plain data."""
        return {"without": round(self.without, 6), "gain": round(self.gain, 6),
                "error": round(self.error, 6)}


@dataclass(frozen=True)
class StoredResidual:
    """A residual score and what it was trained for.

    Args:
        name: of the network.
        system: name of its system.
        scale: physical units per normalised unit, of every field.
        baseline: kind of the baseline beside which it was trained.
        network: the network itself.
        probe: what the observing network says of a certain state.
        facts: recipe, gate and training, plain data.
    """

    name: str
    system: str
    scale: list[float]
    baseline: str
    network: ResidualNetwork
    probe: Tensor
    facts: Mapping[str, Any]

    @property
    def validation(self) -> list[dict[str, float]]:
        """Held-out losses, one row."""
        return [dict(self.facts["gate"])]

    @property
    def is_useful(self) -> bool:
        """True if it lowered the held-out losses by more than two standard errors."""
        return Gate(**self.facts["gate"]).is_open

    def misfit(self, baseline: str, system: System, network: ObservingNetwork) -> str:
        """Say why it cannot be used for a problem; empty if it can."""
        known, here = torch.tensor(self.scale), torch.tensor(scales(system))
        same = known.shape == here.shape and torch.allclose(known, here, rtol=1e-6)
        if self.system != system.name or not same:
            return f"is about {self.system}"
        if self.baseline != baseline:
            return f"was trained for baseline={self.baseline}"
        wanted = probe(system, network)
        if self.probe.shape != wanted.shape or not torch.allclose(self.probe, wanted, 1e-3, 1e-3):
            return "was trained for other observations or another noise"
        return ""


def save_residual(path: Path, stored: StoredResidual) -> None:
    """Write a residual score.

    Raises:
        InputError: if its numbers are not finite.
    """
    tensors = {
        PREFIX + name: value.detach().cpu().contiguous()
        for name, value in stored.network.state_dict().items()
    }
    save_prior(path, tensors | {PROBE: stored.probe.cpu()}, {
        "format": FORMAT, "name": stored.name, "system": stored.system, "scale": stored.scale,
        "baseline": stored.baseline, **stored.facts,
    })


def load_residual(text: str) -> StoredResidual:
    """Load a residual score by its name, or from its file.

    Raises:
        InputError: if there is none, or the file is damaged or foreign.
    """
    bundled, file = FOLDER / f"{text}{SUFFIX}", Path(text)
    if bundled.is_file():
        return _load_bundled(bundled)
    if file.suffix == SUFFIX and file.is_file():
        return _load(file)
    raise InputError(
        "network", text,
        f"must be one of {', '.join(residual_names()) or 'none yet'}, or a {SUFFIX} file",
        "Train one with: dalab train RECIPE",
    )


def residual_names() -> list[str]:
    """Names of the bundled residual scores."""
    return sorted(path.name.removesuffix(SUFFIX) for path in FOLDER.glob(f"*{SUFFIX}"))


@lru_cache
def _load_bundled(path: Path) -> StoredResidual:
    return _load(path)


def _load(path: Path) -> StoredResidual:
    with open_prior(path) as file:
        return _stored(file, check_header(path, file.header, FORMAT), read_prior(path, file))


def _stored(
    file: StoredTensors, header: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> StoredResidual:
    weights = {
        name.removeprefix(PREFIX): value for name, value in tensors.items()
        if name.startswith(PREFIX)
    }
    sizes = header["recipe"]
    d1 = weights[f"layers.{2 * sizes['depth']}.bias"].numel()
    network = ResidualNetwork(d1, weights["centre"].numel(), sizes["width"], sizes["depth"])
    network.load_state_dict(weights)
    facts = {name: header[name] for name in ("recipe", "gate", "training")}
    return StoredResidual(
        header["name"], header["system"], header["scale"], header["baseline"], network.eval(),
        tensors[PROBE], facts,
    )


def residual_for(text: str, baseline: str, problem: Problem) -> StoredResidual | None:
    """The residual of a name or file, or a bundled one that fits; ``None`` if none does.

    Args:
        text: name or file; ``auto`` for any bundled one that fits.
        baseline: kind of the baseline.
        problem: the problem, of which every time must look alike.

    Raises:
        InputError: if the one that is named does not fit.
    """
    named = text != AUTO
    for one in [text] if named else residual_names():
        stored = load_residual(one)
        misfit = _misfit(stored, baseline, problem)
        if not misfit and (named or stored.is_useful):
            return stored
        if named:
            raise InputError(
                "network", text, f"must fit the experiment; it {misfit}",
                "Train one with dalab train, or use network=none.",
            )
    return None


def _misfit(stored: StoredResidual, baseline: str, problem: Problem) -> str:
    for k in range(problem.network.steps):
        now = problem.network.at(k)
        if now.size and (found := stored.misfit(baseline, problem.system, now)):
            return found
    return ""
