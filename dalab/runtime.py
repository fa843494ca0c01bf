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
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

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


def in_threads(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield the results of independent pieces of work without gradients, in their order.

    As many pieces as torch has threads are computed at a time, each on a single one: for many short
    operations that is faster than the same threads on every operation, and results do not depend
    on how many there are. When the caller stops asking, what has not begun is dropped.

    Args:
        work: function of an item; it must not change what others read.
        items: all of them are taken at once.
    """
    import torch

    def alone(item: T) -> R:
        with torch.no_grad():
            return work(item)

    threads = torch.get_num_threads()
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            yield from pool.map(alone, items)
        finally:
            torch.set_num_threads(threads)


def keep_freed_memory() -> bool:
    """Tell glibc's allocator to reuse large blocks; return true if it will.

    One arena serves all threads, because the arenas of worker threads give memory back regardless.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((_MMAP_THRESHOLD, 2**30), (_TRIM_THRESHOLD, 2**31 - 1), (_ARENA_MAX, 1))
    return all(mallopt(option, value) == 1 for option, value in settings)
