"""The lab as widgets, driven as a notebook drives it: in an event loop, without a browser."""

from __future__ import annotations

import asyncio
import io
import time

import numpy as np
import pytest

pytest.importorskip("ipywidgets")

from PIL import Image  # noqa: E402

from dalab import Lab  # noqa: E402
from dalab.errors import InputError  # noqa: E402

from .conftest import QUICK, end  # noqa: E402

pytestmark = pytest.mark.lab


@pytest.fixture
def lab():
    """Made outside any loop: nothing follows it until a test does."""
    made = Lab(**QUICK)
    yield made
    end(made.model)
    made.close()


def pixels(lab: Lab) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(lab._image.value)).convert("RGB"))


def widgets(lab: Lab, description: str) -> list:
    """Every field with a description, anywhere in the widget."""
    found, queue = [], [lab]
    while queue:
        widget = queue.pop()
        queue += getattr(widget, "children", ())
        if getattr(widget, "description", None) == description:
            found.append(widget)
    return found


async def until(condition, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def test_it_is_drawn_at_once(lab):
    assert pixels(lab).shape[1] > 800 and "press Run" in lab._strip.value
    assert lab.result is None and lab.config().members == 2


def test_presets():
    lab = Lab(operators=["arctan"], methods=["spectral"], members=4)
    assert lab.config().methods == ("spectral",) and lab.config().members == 4
    end(lab.model)
    with pytest.raises(InputError, match="arctan"):
        Lab(operators=["arctann"])


def test_live_pictures_then_a_result(lab):
    async def session():
        lab.model.steps = 12
        lab.run()
        seen = set()

        def watch():
            seen.add(lab._image.value)
            return not lab.model.busy

        await until(watch)
        await until(lambda: lab._task.done())
        return seen

    before = pixels(lab)
    assert len(asyncio.run(session())) >= 3
    assert (pixels(lab) != before).any()
    assert lab.model.state == "done" and "spectral" in lab._table.value
    assert set(lab.result["estimates"].children) == {"spectral", "oi"}


def test_run_returns_at_once_and_stop_works_while_it_runs(lab):
    async def session():
        lab.model.steps = 300
        start = time.monotonic()
        lab.run()
        assert time.monotonic() - start < 2
        await until(lambda: "spectral" in lab.model.curves())
        lab.stop()
        assert lab.model.state == "cancelled"
        await until(lambda: lab._task.done())
        assert "Stopped" in lab._strip.value
        lab.model.steps = 3
        lab.run()
        await until(lambda: lab.model.state == "done")

    asyncio.run(session())


def test_without_a_loop_refresh_follows_by_hand(lab):
    lab.run()
    deadline = time.monotonic() + 120
    while lab.model.busy and time.monotonic() < deadline:
        lab.refresh()
        time.sleep(0.02)
    assert lab.model.state == "done" and lab.result is not None


def test_buttons_follow_the_state(lab):
    [run], [stop] = widgets(lab, "Run"), widgets(lab, "Stop")
    assert not run.disabled and stop.disabled
    run.click()
    assert run.disabled and not stop.disabled
    stop.click()
    assert lab.model.state == "cancelled" and not run.disabled


def test_fields_and_config_are_bound_both_ways(lab):
    [noise], [velocity], [where] = (widgets(lab, d) for d in ("Noise std", "velocity", "Where"))
    noise.value, velocity.value, where.value = 0.3, True, "stride"
    config = lab.config()
    assert config.noise == 0.3 and config.operators == ("arctan", "velocity")
    assert config.masks == ("stride",)
    [stride] = widgets(lab, "stride")
    stride.value = 8
    assert lab.config().masks == ("stride:stride=8",)
    lab.model.noise, lab.model.operators = 0.5, ["sine"]
    assert noise.value == 0.5 and not velocity.value


def test_a_bad_value_is_explained_and_nothing_runs(lab):
    [ratio], [run] = widgets(lab, "ratio"), widgets(lab, "Run")
    ratio.value = 0
    assert "ratio = 0" in lab._strip.value.replace("0.0", "0") and "above 0" in lab._strip.value
    run.click()
    assert lab.model.state == "idle"
    ratio.value = 0.5
    assert "above 0" not in lab._strip.value


def test_another_choice_of_methods_gets_another_sheet(lab):
    height = pixels(lab).shape[0]
    lab.model.methods = ["spectral", "oi", "etkf", "sda", "dps"]
    lab.refresh()
    assert pixels(lab).shape[0] > height
    lab.model.view = "spread"
    lab.refresh()
