"""True windows of two-layer flow from other solvers than the forecast model: pyqg, finer grids."""

from __future__ import annotations

from torch import Tensor

from ..errors import InputError
from .base import Streams, System
from .library import library_names
from .pyqg_truth import block_mean, pyqg_snapshots
from .qg import QGSystem
from .qg_library import draw_images, draw_lead
from .spinup import refine, upsample
from .two_layer_qg import TwoLayerQG


def simulate_window(
    system: System, length: int, streams: Streams, *, fine: bool, pyqg: bool
) -> Tensor:
    """Consecutive states of a developed flow, normalised, ``(length, *shape)``, float64.

    Without a bundled library of the finer flow it starts from an interpolated state of the other,
    and its small scales fill up within the days before the window.

    Args:
        system: two-layer flow.
        length: states in all.
        streams: gives the streams ``state`` and ``lead``.
        fine: true to simulate on twice the resolution, and to average over 2 x 2 cells.
        pyqg: true to simulate by pyqg.

    Raises:
        InputError: for another system, without its library of states, or without pyqg.
    """
    if not isinstance(system, QGSystem):
        raise InputError("system", system.name, "must be two-layer QG for this truth", "Use qg64.")
    flow = refine(system) if fine else system
    own = not fine or flow.name in library_names()
    library = (flow if own else system).library_states()
    state = draw_images(library, 1, streams("state"))[0]
    snapshots = pyqg_snapshots if pyqg else TwoLayerQG.snapshots
    pv = flow.pv_after(
        state if own else upsample(state), draw_lead(streams("lead")), length, snapshots
    )
    return block_mean(pv, flow.model.nx // system.model.nx) / flow.scale
