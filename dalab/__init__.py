"""dalab: a lab for generative data assimilation."""

from __future__ import annotations

from .memory import keep_freed_memory

__version__ = "0.1.0"

keep_freed_memory()
