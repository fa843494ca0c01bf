"""Families of methods."""

from __future__ import annotations

from typing import Any

from . import METHODS

FAMILIES = (
    "Diffusion", "Ensemble filters", "Score and flow filters", "Variational",
    "Exact and particles", "Reference forecasts",
)
"""Titles of the families of dalab's own methods, in the order in which they are listed."""

OTHERS = "Others"
"""Title of the methods that name no family."""


def families() -> dict[str, list[str]]:
    """Names of all registered methods by the title of their family.

    dalab's own families come first, those of other packages next, and methods without one last.
    """
    groups: dict[str, list[str]] = {title: [] for title in FAMILIES}
    for name, entry in METHODS.items():
        groups.setdefault(_family(entry), []).append(name)
    groups[OTHERS] = groups.pop(OTHERS, [])
    return {title: names for title, names in groups.items() if names}


def _family(entry: Any) -> str:
    """Title of the family of a registry's entry, a class or the factory of one object."""
    return getattr(entry, "wrapped", entry).family
