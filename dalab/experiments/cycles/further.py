"""Scores that only some cycled experiments have, by name."""

from __future__ import annotations

from . import reference

FURTHER = {**reference.SCORES}
"""Names and meanings of scores that are there for some systems, or with a reference."""

FURTHER_NAMES = tuple(part for name in FURTHER for part in (name, f"{name}_err"))
"""Names of their means, and of the standard errors of these."""
