"""Families of methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from . import METHODS

FAMILIES: Mapping[str, Sequence[str]] = {
    "Diffusion": (
        "spectral", "sda", "sda-released", "dps", "dmps", "pgdm", "mmps", "soad", "soad-repaired",
    ),
    "Ensemble filters": ("letkf", "etkf", "enkf", "enks"),
    "Variational": ("oi", "var3d", "var4d"),
    "Exact and particles": ("kf", "rts", "pf", "pff"),
    "Yardsticks": ("climatology", "persistence"),
}
"""Methods by what they are; those of tomorrow come last, in a family of their own."""


def families() -> dict[str, list[str]]:
    """Every method of the registry, by the title of its family."""
    known = {title: [n for n in names if n in METHODS] for title, names in FAMILIES.items()}
    placed = {name for names in known.values() for name in names}
    rest = [name for name in METHODS if name not in placed]
    return {title: names for title, names in (*known.items(), ("Others", rest)) if names}
