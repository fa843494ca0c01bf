"""Observations: operators, masks, noise, and the networks that they form."""

from .design import NetworkDesign, network
from .masks import MASKS, Mask
from .network import Instrument, ObservingNetwork
from .noise import NOISES, Noise
from .operators import OPERATORS, Operator

__all__ = [
    "MASKS",
    "NOISES",
    "OPERATORS",
    "Instrument",
    "Mask",
    "NetworkDesign",
    "Noise",
    "ObservingNetwork",
    "Operator",
    "network",
]
