"""dalab: a lab for generative data assimilation.

``Config`` describes a twin experiment, ``Run`` and ``execute`` run it, ``Lab`` is the lab as
Jupyter widgets.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .runtime import tune

__version__ = "0.1.0"
__all__ = ["Config", "Lab", "Run", "execute", "load"]

tune()

_HOMES = {
    "Config": "dalab.experiments.config",
    "Run": "dalab.experiments.run",
    "execute": "dalab.experiments.run",
    "load": "dalab.experiments.results.store",
    "Lab": "dalab.views.jupyter.lab",
}


def __getattr__(name: str) -> Any:
    """Import the public names on first use, so that ``import dalab`` stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'dalab' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
