"""Whether a run fits into memory, judged before it starts.

What a method needs is counted in windows, states x steps in single precision, per member.
Measured on qg64 with arctan: 7 for oi, 17 for sampling with the Gaussian prior, 27 for letkf; 85
for sampling with the trained network, 320 for guidance through it. The estimate is on the low side:
it refuses what cannot work, and a method that fails in spite of it says so.
"""

from __future__ import annotations

from collections.abc import Iterable

import psutil
import torch

from ..errors import InputError
from ..methods import Method
from ..methods.guided import Guided
from ..methods.sampler import Diffusion
from ..priors import load_prior
from ..priors.base import Prior
from .config import Config
from .parts import make_device, make_system
from .quota import window_size

WINDOWS, SAMPLED, GUIDED = 10, 60, 240
"""Windows per member: at least, with a network, and with a network that is differentiated."""


def check_memory(config: Config, methods: Iterable[Method]) -> None:
    """Refuse a valid config that cannot fit into the memory of its device.

    Raises:
        InputError: naming the members that would fit.
    """
    each = member_bytes(config, list(methods))
    free = free_bytes(make_device(config.device))
    if config.members * each <= free:
        return
    fits = free // each
    remedy = f"Use at most {fits} members" if fits else "Use a smaller grid"
    raise InputError(
        "members", config.members,
        f"need about {_gigabytes(config.members * each)} of memory, "
        f"and {_gigabytes(free)} are free", f"{remedy}, or fewer methods.",
    )


def member_bytes(config: Config, methods: list[Method]) -> int:
    """Bytes that a run needs for every member: the method at work, and the results of all."""
    prior = load_prior(config.prior, make_system(config.system))
    work = max(_windows(method, prior) for method in methods)
    return 4 * window_size(config) * (work + len(methods))


def free_bytes(device: torch.device) -> int:
    """Memory that is free on a device, or in the machine."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available


def _windows(method: Method, prior: Prior) -> int:
    if next(prior.parameters(), None) is None or not isinstance(method, Diffusion):
        return WINDOWS
    return GUIDED if isinstance(method, Guided) else SAMPLED


def _gigabytes(count: int) -> str:
    return f"{count / 2**30:.3g} GB"
