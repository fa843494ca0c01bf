"""View-models that are as quick as the real system allows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from dalab.views.model import LabModel

QUICK = {"methods": ["spectral", "oi"], "members": 2, "steps": 3, "device": "cpu"}


def settle(model: LabModel, until: Callable[[], bool] | None = None, seconds: float = 120) -> set:
    """Poll until something is true, by default until nothing goes on; return what was fresh."""
    deadline, fresh = time.monotonic() + seconds, set()
    while True:
        fresh |= model.poll()
        if until() if until else not model.pending:
            return fresh
        assert time.monotonic() < deadline, f"still {model.state}: {model.status} {model.error}"
        time.sleep(0.02)


def end(model: LabModel) -> None:
    """Close a model and wait for its threads: none may be left inside torch when Python ends."""
    model.close()
    for thread in threading.enumerate():
        if thread.name.startswith("dalab"):
            thread.join(60)


@pytest.fixture
def model():
    """A model that runs in a few seconds."""
    made = LabModel(**QUICK)
    yield made
    end(made)


@pytest.fixture(scope="module")
def finished():
    """A model after a complete run; shared, so tests only look."""
    made = LabModel(**QUICK)
    made.run()
    settle(made, lambda: made.state == "done")
    yield made
    end(made)
