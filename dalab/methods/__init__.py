"""How a window is inferred from its observations."""

from .base import Background, Method, Problem, Step
from .spectral import SpectralGuidance

__all__ = ["METHODS", "Background", "Method", "Problem", "Step"]

METHODS: dict[str, type[Method]] = {
    "spectral": SpectralGuidance,
}
