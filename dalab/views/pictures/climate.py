"""Draws of the climates of systems, made beside the interfaces, which do not wait for them."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch

from ...random import stream
from ...systems import System

DRAWS, SYSTEMS = 2000, 8
"""Draws of a climate, and climates kept."""

_worker = ThreadPoolExecutor(1, thread_name_prefix="dalab climate")
_known: OrderedDict[System, Future[np.ndarray]] = OrderedDict()


def climate_of(system: System) -> np.ndarray | None:
    """Draws of the climate of a system, normalised, ``(draws, lev, y, x)``.

    ``None`` until they are made, and for a system whose climate cannot be drawn from.
    """
    if system not in _known:
        _known[system] = _worker.submit(_draw, system)
        while len(_known) > SYSTEMS:
            _known.popitem(last=False)
    found = _known[system]
    return found.result() if found.done() and not found.exception() else None


def _draw(system: System) -> np.ndarray:
    with torch.no_grad():
        return system.sample_climate(DRAWS, stream(0, "climate of a picture")).float().numpy()
