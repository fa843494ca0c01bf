"""Draws of the climates of systems, made beside the interfaces, which do not wait for them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Future

import numpy as np
import torch

from ...random import stream
from ...systems import System

DRAWS, SYSTEMS = 2000, 8
"""Draws of a climate, and climates kept."""

_known: OrderedDict[System, Future[np.ndarray]] = OrderedDict()


def climate_of(system: System) -> np.ndarray | None:
    """Draws of the climate of a system, normalised, ``(draws, lev, y, x)``.

    ``None`` until they are made, and for a system whose climate cannot be drawn from.
    """
    if system not in _known:
        _known[system] = Future()
        job = threading.Thread(target=_draw, args=(system, _known[system]), name="dalab climate")
        job.start()  # ends with its draws
        while len(_known) > SYSTEMS:
            _known.popitem(last=False)
    found = _known[system]
    return found.result() if found.done() and not found.exception() else None


def _draw(system: System, found: Future[np.ndarray]) -> None:
    try:
        with torch.no_grad():
            states = system.sample_climate(DRAWS, stream(0, "climate of a picture"))
        found.set_result(states.float().numpy())
    except Exception as error:  # of a system of a user's own, whose picture does without
        found.set_exception(error)
