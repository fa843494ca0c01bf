"""Keep freed memory in the process instead of handing it back to the system.

glibc returns every large block at once, so that each tensor of a few hundred kilobytes costs fresh
page faults. Time stepping and samplers allocate many such tensors per step; on a virtual machine
the faults were measured to take ten times longer than the arithmetic.
"""

from __future__ import annotations

import ctypes
import platform

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8


def keep_freed_memory() -> bool:
    """Tell glibc's allocator to reuse large blocks; return whether it took the advice.

    One arena serves all threads, because the arenas of worker threads give memory back regardless.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((_MMAP_THRESHOLD, 2**30), (_TRIM_THRESHOLD, 2**31 - 1), (_ARENA_MAX, 1))
    return all(mallopt(option, value) == 1 for option, value in settings)
