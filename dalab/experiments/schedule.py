"""Times of a cycled experiment: analyses, spin-up, and gaps in the observations."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from functools import cached_property

import torch

from ..errors import InputError
from ..random import stream
from .config import Config

FEW = 1000
"""Cycles among which one that is observed is looked for before a run."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Times of the analyses, numbered from 1.

    Args:
        cycles: analyses.
        interval: intervals of the system from one analysis to the next.
        burn_in: first cycles that mean scores leave out; a fifth if ``None``.
        missing: probability that an analysis finds no observations.
        gaps: cycles without observations, ``100-120,300``.
        keep: whole ensembles are kept every so many cycles; never if ``None``.
        seed: of the missing observations.

    Raises:
        InputError: if no cycle is left after the burn-in, a number is out of its bounds, or the
            gaps cannot be read.
    """

    cycles: int
    interval: int = 1
    burn_in: int = None  # type: ignore[assignment]  # filled in
    missing: float = 0.0
    gaps: str = ""
    keep: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.cycles is None:
            raise InputError("cycles", None, "must be given here", "Use cycles=1000.")
        for field in fields(self):
            value = Config.checked(field.name, getattr(self, field.name))
            object.__setattr__(self, field.name, value)
        if self.burn_in is None:
            object.__setattr__(self, "burn_in", self.cycles // 5)
        if not self.burn_in < self.cycles:
            raise InputError(
                "burn in", self.burn_in, f"must be below the {self.cycles} cycles",
                f"Use {self.cycles // 5}.",
            )
        self.unobserved  # noqa: B018  # raises what is wrong with the gaps

    @cached_property
    def unobserved(self) -> list[tuple[int, int]]:
        """First and last cycles of the gaps."""
        return read_gaps(self.gaps)

    def is_observed(self, cycle: int) -> bool:
        """True if there are observations at a cycle."""
        if any(first <= cycle <= last for first, last in self.unobserved):
            return False
        if not self.missing:
            return True
        draw = torch.rand((), generator=stream(self.seed, "missing", cycle))
        return float(draw) >= self.missing

    @property
    def is_blind(self) -> bool:
        """True if no cycle has observations: all lie in gaps, or all of a few are missing."""
        seen = 0
        for first, last in sorted(self.unobserved):
            seen = max(seen, last) if first <= seen + 1 else seen
        few = self.cycles <= FEW
        return seen >= self.cycles or (
            few and not any(map(self.is_observed, range(1, self.cycles + 1)))
        )

    def is_kept(self, cycle: int) -> bool:
        """True if the whole ensemble of a cycle is to be kept."""
        return self.keep is not None and cycle % self.keep == 0

    @property
    def kept(self) -> range:
        """Cycles whose whole ensembles are kept."""
        return range(self.keep, self.cycles + 1, self.keep) if self.keep else range(0)


def read_gaps(text: str) -> list[tuple[int, int]]:
    """First and last cycles of gaps written as ``100-120,300``.

    Raises:
        InputError: for a text that is no list of cycles.
    """
    found = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", part)
        if match is None or int(match[2] or match[1]) < int(match[1]):
            raise InputError(
                "gaps", text, "must be cycles and ranges of cycles", "Use 100-120,300."
            )
        found.append((int(match[1]), int(match[2] or match[1])))
    return found
