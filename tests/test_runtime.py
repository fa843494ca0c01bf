"""The process settings are applied by importing dalab."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time

import pytest
import torch

from dalab.runtime import in_threads, keep_freed_memory, leave_a_core


def test_idle_threads_sleep_unless_the_user_says_otherwise():
    code = "import dalab, os; print(os.environ['OMP_WAIT_POLICY'])"
    for given, expected in ((None, "PASSIVE"), ("ACTIVE", "ACTIVE")):
        env = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
        env |= {"OMP_WAIT_POLICY": given} if given else {}
        result = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True)
        assert result.stdout.decode().strip() == expected


@pytest.mark.parametrize(("cores", "threads"), [(8, 7), (2, 1), (1, 1), (None, 1)])
def test_a_run_leaves_one_core(monkeypatch, cores, threads):
    asked = []
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    leave_a_core()
    assert asked == [threads]
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    leave_a_core()
    assert asked == [threads], "the user has said on how many"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_glibc_takes_the_advice():
    assert keep_freed_memory()


def test_work_in_threads_comes_back_in_order_and_stops_when_nobody_asks():
    begun, before = [], torch.get_num_threads()

    def work(item):
        begun.append(item)
        assert torch.get_num_threads() == 1 and not torch.is_grad_enabled()
        return item**2

    try:
        torch.set_num_threads(2)
        assert list(in_threads(work, range(50))) == [i**2 for i in range(50)]
        assert torch.get_num_threads() == 2
        results = in_threads(lambda item: time.sleep(0.02) or work(item), range(1000))
        begun.clear()
        assert next(results) == 0
        results.close()
        assert len(begun) < 100 and torch.get_num_threads() == 2
        with pytest.raises(ZeroDivisionError):
            list(in_threads(lambda item: 1 / item, [1, 0, 2]))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
