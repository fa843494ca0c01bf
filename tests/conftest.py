"""Small worlds that many tests share, and the rule that quick tests are quick.

A test that takes more than ``DALAB_TEST_SECONDS`` of CPU, 5 by default, fails unless it is marked
``slow``. CPU of the process and of its finished children is counted, not time on the clock, so that
other work beside the tests does not matter much; where cores are shared, set a larger number.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is imported: one thread per worker
os.environ.setdefault("DALAB_CACHE", "")  # measured run times would order the methods differently
os.environ["DALAB_RUNS"] = ""  # pages that tests open write nothing to the folder of this user

import pytest
import torch

from dalab.priors import GaussianPrior
from dalab.priors.covariance import estimate
from dalab.systems import QGSystem, TwoLayerQG

SECONDS = float(os.environ.get("DALAB_TEST_SECONDS", 5))
"""CPU seconds that a test may take without being marked ``slow``."""

BROWSER = "tests/browser/"


def cpu_seconds() -> float:
    """CPU time of this process and of the children that it has waited for [s]."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a test that is slow and does not say so."""
    before = cpu_seconds()
    result = yield
    spent = cpu_seconds() - before
    if spent > SECONDS and item.get_closest_marker("slow") is None:
        pytest.fail(f"took {spent:.1f} s of CPU, more than {SECONDS:g}: mark it slow, or make it "
                    "quicker; on a busy machine set DALAB_TEST_SECONDS", pytrace=False)
    return result


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give whole files to the workers of pytest-xdist, and the browser tests to one of them."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return BROWSER if nodeid.startswith(BROWSER) else super()._split_scope(nodeid)

    config.option.loadscopereorder = False
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest where several workers share the tests."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: not item.nodeid.startswith((BROWSER, "tests/test_notebooks")))


@pytest.fixture(autouse=True)
def nothing_measured() -> None:
    """Forget how long methods took in other tests, which decides in which order they run."""
    timing = sys.modules.get("dalab.experiments.timing.measured")
    if timing is not None:
        timing.run_times.cache_clear()


@pytest.fixture(scope="session")
def tiny_system() -> QGSystem:
    """Two-layer flow on 8 x 8 cells."""
    return QGSystem(name="tiny", model=TwoLayerQG(nx=8, dt=7200.0), std=(8e-6, 1e-6))


@pytest.fixture(scope="session")
def tiny_prior() -> GaussianPrior:
    """A smooth, correlated, homogeneous Gaussian over windows of 3 steps, float64."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(400, 3, 2, 8, 8, generator=generator, dtype=torch.float64)
    smooth = noise + torch.roll(noise, 1, -1) + 0.7 * torch.roll(noise, 1, -2)
    smooth = smooth + 0.8 * torch.roll(smooth, (1, 1), (-4, -1)) + 0.5 * smooth.flip(-3)
    windows = smooth / smooth.std()
    return GaussianPrior(estimate(windows, mirror=True), (3, 2, 8, 8))
