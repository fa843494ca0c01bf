"""View-models that are as quick as the real system allows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from dalab.experiments.service.service import Service
from dalab.methods import METHODS
from dalab.views.model.controls import Controls
from dalab.views.model.lab import LabModel

from ..experiments.stubs import Waiting, stubs  # noqa: F401

QUICK = {
    "prior": "gaussian", "methods": ["spectral", "oi"], "members": 2, "steps": 3, "device": "cpu",
}
SMALL = {
    "system": "lorenz96", "operators": ["identity"], "masks": ["full"], "methods": ["stub"],
    "members": 2, "steps": 4, "device": "cpu",
}
GATED = {**SMALL, "methods": ["waiting"]}
RING = {
    "system": "lorenz96", "operators": ["identity"], "masks": ["full"], "methods": ["etkf"],
    "members": 24, "noise": 0.3, "device": "cpu", "cycles": 90,
}
"""A cycled run."""


def settle(model: LabModel, until: Callable[[], bool] | None = None, seconds: float = 120) -> set:
    """Poll until something is true, by default until nothing goes on; return what was fresh."""
    deadline, fresh = time.monotonic() + seconds, set()
    while True:
        fresh |= model.poll()
        if until() if until else not model.pending:
            return fresh
        assert time.monotonic() < deadline, f"still {model.runs.state}: {model.error}"
        time.sleep(0.02)


def running(model: LabModel) -> LabModel:
    """Run, and wait for the first step of the method that then waits to be let go."""
    model.run()
    settle(model, lambda: "waiting" in model.display.curves())
    return model


def done(model: LabModel) -> LabModel:
    """Wait for the end of the run."""
    settle(model, lambda: model.runs.state == "done")
    return model


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
    settle(made, lambda: made.runs.state == "done")
    yield made
    end(made)


@pytest.fixture(scope="module")
def cycled():
    """A model after a run of 90 cycles; shared, so tests put back what they move."""
    made = LabModel(**RING)
    made.run()
    settle(made)
    yield made
    end(made)


@pytest.fixture
def service(stubs, monkeypatch):  # noqa: F811
    """A service of its own, and the stubs in the form."""
    monkeypatch.setattr(Controls.param.methods, "_objects", list(METHODS))  # `objects` is a proxy
    return Service()


@pytest.fixture
def opened(service):
    """Makes models of a small ring, and closes them."""
    models = []

    def open_one(presets=SMALL, **changes):
        chosen = {"service": service, **presets, **changes}
        models.append(LabModel(**chosen))
        return models[-1]

    yield open_one
    Waiting.gate.set()
    for model in models:
        model.runs.session.keep(None, on=False)
        end(model)
