"""The value of one more sensor, from the posterior of a run, computed in the background."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from ...errors import InputError
from ...experiments.from_config import network_of
from ...experiments.results.store import config_of
from ...metrics.design import CandidateSensors, Cell, candidate_sensors, place_sensors
from ...systems import SYSTEMS
from .background import LatestTaskWorker, error_message

COUNTED = 40
"""New sensors taken into account before the next run; more would take too long."""


@dataclass(frozen=True)
class SensorQuery:
    """A sensor to evaluate, and the posterior to evaluate it by.

    Args:
        method: label of the method.
        instrument: number of the operator that the sensor has.
        day: the only step on which it observes; every step of the network, if ``None``.
        radius: half-width of the localisation in cells; 0 for none.
        count: number of sensors to place.
    """

    method: str
    instrument: int = 0
    day: int | None = None
    radius: float = 4.0
    count: int = 0


@dataclass(frozen=True, eq=False)
class SensorValue:
    """The value of a sensor in every cell, and the best places.

    Args:
        query: the query that it answers.
        share: variance that a sensor in each cell would remove, after those placed, in percent
            of what the run left, ``(y, x)``.
        places: the best cells, one after the other.
        ignored: number of new sensors that the map does not take into account.
    """

    query: SensorQuery
    share: np.ndarray
    places: tuple[Cell, ...]
    ignored: int


class SensorValueWorker(LatestTaskWorker):
    """Worker for the latest query."""

    def __init__(self) -> None:
        super().__init__("dalab prospect")

    def request(self, query: SensorQuery, result: Callable[[], xr.DataTree], cells: Tensor) -> None:
        """Compute a value in the background, and drop earlier queries.

        Args:
            query: the sensor.
            result: function that returns the result of the run.
            cells: observed cells of the network as it is painted now, ``(steps, y, x)``.
        """
        self.submit(lambda: sensor_value(query, result(), cells))

    def latest(self) -> SensorValue | str | None:
        """Return the value, or the message of an error, once; ``None`` if nothing is new."""
        found = self.take()
        return error_message(found) if isinstance(found, Exception) else found


def sensor_value(query: SensorQuery, tree: xr.DataTree, cells: Tensor) -> SensorValue:
    """Return the value of a sensor by the posterior of a result.

    Raises:
        InputError: if the run has another grid than ``cells``, or one member.
    """
    config = config_of(tree)
    if config.cycles is not None:
        raise InputError(
            "cycles", config.cycles, "must be left out: the value of a sensor is that in a window",
            "Run one window.",
        )
    network = network_of(config, SYSTEMS.make(config.system))
    instrument = network.instruments[min(query.instrument, len(network.instruments) - 1)]
    if instrument.mask.shape != cells.shape:
        raise InputError(
            "system", config.system, "is that of the run, and another one is chosen", "Press Run."
        )
    estimate = torch.from_numpy(tree[f"estimates/{query.method}/pv"].values)
    steps = list(range(0, config.window, config.interval))
    if query.day is not None:
        steps = [query.day]
    ahead = candidate_sensors(estimate, instrument, steps, query.radius)
    now, then = cells[steps], instrument.mask[steps]
    left, ignored = _with_new_sensors(ahead, now & ~then)
    places, left = place_sensors(left.exclude(now), query.count)
    share = 100 * left.value() / ahead.variance
    return SensorValue(query, share.numpy(), tuple(places), ignored)


def _with_new_sensors(ahead: CandidateSensors, new: Tensor) -> tuple[CandidateSensors, int]:
    """Candidates once the sensors that the run lacked are in, and the number left out.

    Args:
        ahead: candidates as the run left them.
        new: new sensors, boolean ``(steps, y, x)``.
    """
    places = new.any(0).nonzero().tolist()
    for row, column in places[:COUNTED]:
        ahead = ahead.assimilate((row, column), new[:, row, column])
    return ahead, max(len(places) - COUNTED, 0)
