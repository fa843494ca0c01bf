"""dalab: a lab for generative data assimilation.

``Config`` describes a twin experiment in plain data, ``Experiment`` holds its made parts, ``Run``
and ``execute`` run either, ``Lab`` is the lab as Jupyter widgets and ``serve`` the one on a page.
``network`` designs an observing network, ``register`` makes one's own classes known to all of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .runtime import tune

__version__ = "0.1.0"

tune()

_HOMES = {
    "Config": "dalab.experiments.config",
    "DenoiserPrior": "dalab.priors",
    "Experiment": "dalab.experiments.experiment",
    "Filter": "dalab.methods",
    "GaussianPrior": "dalab.priors",
    "InputError": "dalab.errors",
    "Lab": "dalab.views.jupyter.lab",
    "Mask": "dalab.observations",
    "Method": "dalab.methods",
    "Noise": "dalab.observations",
    "Operator": "dalab.observations",
    "Prior": "dalab.priors",
    "Problem": "dalab.methods",
    "Run": "dalab.experiments.run",
    "Schedule": "dalab.experiments.schedule",
    "Step": "dalab.methods",
    "System": "dalab.systems",
    "execute": "dalab.experiments.run",
    "explore": "dalab.views.render.explore",
    "figure": "dalab.views.render.result_figure",
    "load": "dalab.experiments.results.store",
    "network": "dalab.observations",
    "option": "dalab.option_fields",
    "register": "dalab.registry",
    "save": "dalab.experiments.results.store",
    "serve": "dalab.views.panel.serve",
    "table": "dalab.metrics.table",
    "to_pandas": "dalab.metrics.table",
}
"""Modules of the public names."""

_MODULES = {
    "masks": "dalab.observations.masks",
    "methods": "dalab.methods",
    "noises": "dalab.observations.noise",
    "operators": "dalab.observations.operators",
    "systems": "dalab.systems",
}
"""Modules that are public under a shorter name."""

__all__ = sorted([*_HOMES, *_MODULES])


def __getattr__(name: str) -> Any:
    """Import the public names on first use, so that ``import dalab`` stays quick."""
    if name in _MODULES:
        return import_module(_MODULES[name])
    if name not in _HOMES:
        raise AttributeError(f"module 'dalab' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
