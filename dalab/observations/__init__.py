"""How it is seen: operators, masks, noise, and the networks they form."""

from .masks import MASKS, Mask
from .network import Instrument, ObservingNetwork, network
from .noise import NOISES, Noise
from .operators import OPERATORS, Operator

__all__ = [
    "MASKS",
    "NOISES",
    "OPERATORS",
    "Instrument",
    "Mask",
    "Noise",
    "ObservingNetwork",
    "Operator",
    "network",
]
