"""The process settings are applied by importing dalab."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from dalab.runtime import keep_freed_memory


def test_idle_threads_sleep_unless_the_user_says_otherwise():
    code = "import dalab, os; print(os.environ['OMP_WAIT_POLICY'])"
    for given, expected in ((None, "PASSIVE"), ("ACTIVE", "ACTIVE")):
        env = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
        env |= {"OMP_WAIT_POLICY": given} if given else {}
        result = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True)
        assert result.stdout.decode().strip() == expected


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_glibc_takes_the_advice():
    assert keep_freed_memory()
