"""Paths of the trained priors in the package, and of those in other files."""

from __future__ import annotations

import os
from pathlib import Path

from ...errors import InputError

WEIGHTS = Path(__file__).parents[1] / "weights"
SUFFIX = ".safetensors"

STATE = "-state"
"""End of the names of priors of single states."""


def trained_names() -> list[str]:
    """Names of the bundled trained priors of windows."""
    return [n for n in _bundled_names() if not n.endswith(("-gaussian", "-augmented", STATE))]


def state_names() -> list[str]:
    """Names of the bundled trained priors of single states."""
    return [name for name in _bundled_names() if name.endswith(STATE)]


def _bundled_names() -> list[str]:
    return sorted(path.name.removesuffix(SUFFIX) for path in WEIGHTS.glob(f"*{SUFFIX}"))


def augmented_path(name: str) -> Path:
    """Path of the augmented prior beside a trained prior, whether or not there is one."""
    stem = name.removesuffix(SUFFIX)
    folder = Path(stem).parent if name.endswith(SUFFIX) else WEIGHTS
    return folder / f"{Path(stem).name}-augmented{SUFFIX}"


def trained_path(name: str) -> Path:
    """Path of a trained prior, from the name of a bundled one or the path of a file.

    Raises:
        InputError: if there is neither.
    """
    bundled, file = WEIGHTS / f"{name}{SUFFIX}", Path(name)
    if os.path.isfile(bundled):
        return bundled
    if file.suffix == SUFFIX and os.path.isfile(file):
        return file
    known = ", ".join(trained_names() + state_names()) or "none yet"
    raise InputError(
        "trained prior", name, f"must be one of {known}, or a {SUFFIX} file",
        "See: dalab list priors",
    )
