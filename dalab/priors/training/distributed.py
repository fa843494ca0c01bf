"""Several processes that train one network, as torchrun starts them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist


@contextmanager
def processes(device: torch.device) -> Iterator[tuple[int, torch.device]]:
    """Join the other processes, if there are any; this one's rank and device.

    Args:
        device: that was asked for; under torchrun every process takes a CUDA GPU of its own.
    """
    if "WORLD_SIZE" not in os.environ:
        yield 0, device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield dist.get_rank(), device
        dist.barrier()
    finally:
        dist.destroy_process_group()


def is_first() -> bool:
    """True for the process that writes the files."""
    return not dist.is_initialized() or dist.get_rank() == 0
