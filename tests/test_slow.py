"""Tests that are slow without saying so fail."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

TESTS = """
import subprocess, sys, time
import pytest

WORK = "import time; end = time.process_time() + 0.5\\nwhile time.process_time() < end: pass"

def test_computes():
    exec(WORK)

def test_lets_a_child_compute():
    subprocess.run([sys.executable, "-c", WORK], check=True)

def test_waits():
    time.sleep(0.5)

@pytest.mark.slow
def test_says_so():
    exec(WORK)
"""

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seconds, passed", [("0.3", {"test_waits", "test_says_so"}), ("60", None)])
def test_unmarked_tests_have_a_limit(tmp_path, seconds, passed):
    (tmp_path / "test_some.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-rA", "-q",
               "--rootdir", str(tmp_path), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DALAB_TEST_SECONDS": seconds}
    shown = subprocess.run(command, env=environment, capture_output=True, text=True).stdout
    found = {line.rpartition("::")[2] for line in shown.splitlines() if line.startswith("PASSED")}
    everything = {"test_computes", "test_lets_a_child_compute", "test_waits", "test_says_so"}
    assert found == (everything if passed is None else passed), shown
    assert passed is None or "mark it slow" in shown
