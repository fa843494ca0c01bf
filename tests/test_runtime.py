"""The process settings are applied by importing dalab."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest
import torch

from dalab.runtime import keep_freed_memory, leave_a_core


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
