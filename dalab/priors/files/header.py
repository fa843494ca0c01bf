"""Header of the file of a trained prior, and the checks of its completeness."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ...errors import InputError
from ...systems.base import System
from .bundled import trained_path
from .gaussian_file import check_header
from .integrity import CHECKSUM, ERROR
from .recipe import Recipe
from .tensors import open_prior

FORMAT = "dalab-trained-prior-1"


@dataclass(frozen=True, kw_only=True)
class Header:
    """Description of a trained prior.

    Args:
        name: of the prior.
        system: name of its system.
        parameters: of the system, as plain data.
        scale: physical units per normalised unit, of every field.
        window: (time, lev, y, x) of the state.
        recipe: recipe it was trained by.
        smoothed: true if it starts from the two-filter smoother.
        levels: noise levels of the tables.
        data: training data, with the hash of the numbers.
        training: seconds, hardware, loss along the way.
        validation: denoising error on held-out windows, one row per noise level.
    """

    name: str
    system: str
    parameters: dict[str, Any]
    scale: list[float]
    window: list[int]
    recipe: dict[str, Any]
    smoothed: bool
    levels: list[float]
    data: dict[str, Any]
    training: dict[str, Any]
    validation: list[dict[str, float]]

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain data, with the format."""
        return {"format": FORMAT, **_rename(dataclasses.asdict(self), stored_name)}

    @classmethod
    def read(cls, path: Path) -> Header:
        """Read the header of a file, and nothing else of it.

        Raises:
            InputError: if the file is missing, truncated or foreign, or its header incomplete.
        """
        with open_prior(path) as file:
            return cls.of(path, file.header)

    @classmethod
    def of(cls, path: Path, header: Any) -> Header:
        """Make the header of a file from the plain data in it.

        Raises:
            InputError: if it is foreign or incomplete.
        """
        values = _rename(check_header(path, header, FORMAT), current_name)
        values = {k: v for k, v in values.items() if k not in ("format", CHECKSUM, ERROR)}
        if values.keys() != _KINDS.keys():
            odd = ", ".join(sorted(values.keys() ^ _KINDS.keys()))
            raise unfit_file(path, f"must have the header fields of this version; check {odd}")
        for name, kind in _KINDS.items():
            if not isinstance(values[name], kind):
                raise unfit_file(path, f"must have a {kind.__name__} for {name} in its header")
        if len(values["window"]) != 4 or not all(_is_size(n) for n in values["window"]):
            raise unfit_file(path, "must have four whole numbers for window in its header")
        Recipe.from_dict(values["recipe"])
        return cls(**values)

    def check(self, path: Path, system: System) -> None:
        """Raise :class:`InputError` unless the prior is about ``system`` and in its units."""
        scale = scales(system)
        same = torch.allclose(torch.tensor(self.scale), torch.tensor(scale), rtol=1e-6)
        if self.system != system.name or self.window[1:] != list(system.shape) or not same:
            raise InputError(
                "prior file", str(path),
                f"is about {self.system} in units of {self.scale}, not {system.name} of {scale}",
                f"Choose a prior made for {system.name}, or auto; see: dalab list priors",
            )


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


_KINDS = {
    "name": str, "system": str, "parameters": dict, "scale": list, "window": list, "recipe": dict,
    "smoothed": bool, "levels": list, "data": dict, "training": dict, "validation": list,
}


_STORED = {
    "coupling": "exchange", "background_conditional": "informed",
    "background_steps": "informed_steps",
}
"""Names in files of this format, by today's names."""

_RENAMED = ("recipe", "training", "validation")
"""Fields of the header that have such names in them."""


def stored_name(name: str) -> str:
    """Name of a tensor or header field in a file; the part before the first dot may differ."""
    first, dot, rest = name.partition(".")
    return f"{_STORED.get(first, first)}{dot}{rest}"


def current_name(name: str) -> str:
    """Inverse of :func:`stored_name`."""
    first, dot, rest = name.partition(".")
    names = {stored: name for name, stored in _STORED.items()}
    return f"{names.get(first, first)}{dot}{rest}"


def _rename(header: Mapping[str, Any], rename: Callable[[str], str]) -> dict[str, Any]:
    """Rename the fields of a header that have other names in files."""
    return {key: _rename_keys(v, rename) if key in _RENAMED else v for key, v in header.items()}


def _rename_keys(value: Any, rename: Callable[[str], str]) -> Any:
    if isinstance(value, Mapping):
        return {rename(key): item for key, item in value.items()}
    if isinstance(value, list):
        return [_rename_keys(item, rename) for item in value]
    return value


def summary(name: str) -> str:
    """One line about a bundled trained prior: its system and its denoising error."""
    header = Header.read(trained_path(name))
    rows = {row["sigma"]: row["ratio"] for row in header.validation}
    error = sum(rows[sigma] for sigma in (0.1, 0.2, 0.5)) / 3
    about = "single states of " if header.window[0] == 1 else ""
    return (
        f"Trained on {about}{header.system}; denoising error {error:.2f} of the "
        f"Gaussian's (noise 0.1, 0.2, 0.5), on held-out windows."
    )


def scales(system: System) -> list[float]:
    """Physical units per normalised unit of every field."""
    return system.scale.flatten().tolist()


def unfit_file(path: Path, why: str) -> InputError:
    """Error about a file that cannot be used."""
    return InputError("prior file", str(path), why, "Make it with this version of dalab.")
