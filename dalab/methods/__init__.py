"""How a window is inferred from its observations."""

from .base import Background, Method, Problem, Step
from .dps import DPS
from .etkf import ETKF
from .mmps import MMPS
from .oi import OptimalInterpolation
from .sda import SDA
from .spectral import SpectralGuidance

__all__ = ["METHODS", "Background", "Method", "Problem", "Step"]

METHODS: dict[str, type[Method]] = {
    "spectral": SpectralGuidance,
    "sda": SDA,
    "dps": DPS,
    "mmps": MMPS,
    "oi": OptimalInterpolation,
    "etkf": ETKF,
}
