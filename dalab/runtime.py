"""Settings of the process that decide the speed of small tensor work, and of the page beside it.

Time stepping and samplers run thousands of short operations on tensors of a few hundred kilobytes.
Two defaults of the platform fit that badly, and both were measured to cost a factor of ten:

- glibc returns every large block at once, so that each tensor costs fresh page faults. Here freed
  memory is kept in the process.
- Idle OpenMP threads spin. As soon as anything else runs, a browser say, the thread that has work
  waits for a core that its idle siblings burn. Here they sleep.

And a run leaves one core to the page and its browser: with threads on all of them, everything the
browser draws waits for each of their short operations.
"""

from __future__ import annotations

import ctypes
import os
import platform

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8


def tune() -> None:
    """Apply both; the second only takes effect before torch is imported."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    keep_freed_memory()


def leave_a_core() -> None:
    """Compute on all cores but one from now on, unless ``OMP_NUM_THREADS`` sets their number.

    Every run does, with a page or without: the order of a sum, and so its last digits, depend on
    the number of threads. On two cores a sampling step takes no longer on one than on both.
    """
    import torch

    if "OMP_NUM_THREADS" not in os.environ:
        free = max((os.cpu_count() or 1) - 1, 1)
        torch.set_num_threads(min(torch.get_num_threads(), free))


def keep_freed_memory() -> bool:
    """Tell glibc's allocator to reuse large blocks; return true if it will.

    One arena serves all threads, because the arenas of worker threads give memory back regardless.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((_MMAP_THRESHOLD, 2**30), (_TRIM_THRESHOLD, 2**31 - 1), (_ARENA_MAX, 1))
    return all(mallopt(option, value) == 1 for option, value in settings)
