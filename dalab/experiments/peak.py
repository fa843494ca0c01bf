"""How much memory a method needs at most.

On a CUDA GPU this is what torch had allocated at the peak. On the CPU it is the resident memory of
the whole process, interpreter and libraries included, looked at after every step: memory that is
taken and freed within a step is not seen, and memory that an earlier method left in the process
counts. Compare two methods on the CPU in two processes.
"""

from __future__ import annotations

import psutil
import torch

MIB = 2**20


class PeakMemory:
    """The highest memory use since it was made [MiB].

    Args:
        device: where the method computes.
    """

    def __init__(self, device: torch.device) -> None:
        self.device, self.highest = device, 0.0
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    def look(self) -> float:
        """Look now, and return the highest value so far [MiB]."""
        self.highest = max(self.highest, self._now())
        return self.highest

    def _now(self) -> float:
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device) / MIB
        return psutil.Process().memory_info().rss / MIB
