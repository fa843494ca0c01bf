"""What evolves."""

from __future__ import annotations

from collections.abc import Callable

from .base import System
from .qg import QGSystem
from .two_layer_qg import TwoLayerQG

__all__ = ["SYSTEMS", "QGSystem", "System", "TwoLayerQG"]


def qg64() -> QGSystem:
    """Two-layer QG turbulence on 64 x 64 cells of a 1000 km square, one state a day.

    The standard deviations are root mean squares over 28 trajectories of 1,600 days (8.189e-6 and
    1.0573e-6, sampling error 0.3 %). On 512 x 512 cells pooled to 256 x 256 they are 9.7e-6 and
    1.19e-6 (arXiv 2407.21314): the coarser grid resolves less of the enstrophy.
    """
    return QGSystem(name="qg64", model=TwoLayerQG(nx=64, dt=7200.0), std=(8.19e-6, 1.06e-6))


SYSTEMS: dict[str, Callable[[], System]] = {"qg64": qg64}
