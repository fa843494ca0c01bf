"""The lab as widgets, driven as a notebook drives it: in an event loop, without a browser."""

from __future__ import annotations

import asyncio
import base64
import io
import time

import numpy as np
import pytest

pytest.importorskip("ipywidgets")

import ipywidgets as ipw  # noqa: E402
from PIL import Image  # noqa: E402

from dalab import Config, Lab
from dalab.errors import InputError
from dalab.experiments.results.store import config_of
from dalab.views.jupyter.binding import field  # noqa: E402
from dalab.views.jupyter.controls import REPLAY_STEPS

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


def every(lab: Lab) -> list:
    """Every widget in the widget."""
    found, queue = [], [lab]
    while queue:
        found.append(queue.pop())
        queue += getattr(found[-1], "children", ())
    return found


def widgets(lab: Lab, description: str) -> list:
    """Every field with a description, anywhere in the widget."""
    return [w for w in every(lab) if getattr(w, "description", None) == description]


def by_hand(lab: Lab) -> None:
    """Run, and follow the run without a loop."""
    lab.run()
    deadline = time.monotonic() + 120
    while lab.model.runs.busy:
        assert time.monotonic() < deadline
        lab.refresh()
        time.sleep(0.02)


async def until(condition, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def test_it_is_drawn_at_once(lab):
    assert pixels(lab).shape[1] > 800 and "press Run" in lab._status.value
    assert lab.result is None and lab.config.members == 2


def test_choices_are_attributes_that_set_the_fields_too(lab):
    [noise], [stride] = widgets(lab, "Noise std"), widgets(lab, "Where")
    lab.noise = 0.5
    lab.masks = "stride:stride=8"
    lab.methods = ("oi", "letkf:members=12")
    assert (lab.noise, lab.masks) == (0.5, ("stride:stride=8",))
    assert lab.methods == ("oi", "letkf:members=12")
    assert noise.value == 0.5 and stride.value == "stride"
    assert lab.config == lab.model.controls.config()
    [radius] = widgets(lab, "Background std")
    assert radius.disabled
    lab.background = 0.3
    assert radius.value == 0.3 and not radius.disabled
    lab.background = None
    assert radius.disabled and lab.config.background is None


def test_a_choice_that_cannot_work_is_refused_and_leaves_the_others(lab):
    before = lab.config
    for name, value, words in (
        ("noise", -1, "noise = -1"), ("operators", ["arctann"], "Did you mean 'arctan'?"),
        ("methods", ["oi", "oi"], "once each"), ("members", 0, "at least 1"),
    ):
        with pytest.raises(InputError, match=words):
            setattr(lab, name, value)
    assert lab.config == before and not lab.model.error
    with pytest.raises(InputError, match="noise = -1"):
        Lab(noise=-1)


def test_names_that_mean_nothing_are_refused_with_the_closest_choice(lab):
    with pytest.raises(AttributeError, match="Did you mean 'noise'?"):
        lab.noize = 0.5
    with pytest.raises(AttributeError, match="Its choices are system, truth, window"):
        lab.zzz = 1
    for name in ("config", "result", "model"):
        with pytest.raises(AttributeError):
            setattr(lab, name, None)
    assert {"noise", "members", "methods"} <= set(dir(lab))


def test_the_slider_of_the_day_ends_with_the_window(lab):
    [day] = widgets(lab, "Day")
    lab.model.display.time = 8
    lab.model.display.window = 5
    assert (day.max, day.value, lab.model.display.time) == (4, 4, 4)


def test_presets():
    lab = Lab(operators=["arctan"], methods=["spectral"], members=4)
    assert lab.config.methods == ("spectral",) and lab.config.members == 4
    end(lab.model)
    with pytest.raises(InputError, match="arctan"):
        Lab(operators=["arctann"])


SMALL = {
    "system": "lorenz96", "operators": ("identity", "arctan"), "masks": ("stride:stride=2", "full"),
    "interval": 2, "noise": 0.3, "background": 0.2, "methods": ("letkf:members=12", "oi"),
    "members": 3, "seed": 4, "device": "cpu",
}


def test_every_preset_is_in_the_fields_and_in_the_result():
    lab = Lab(**SMALL)
    assert lab.config == Config(**SMALL)
    [system], [seed], [ensemble] = (widgets(lab, d) for d in ("System", "Seed", "Noise std"))
    assert (system.value, seed.value, ensemble.value) == ("lorenz96", 4, 0.3)
    by_hand(lab)
    assert config_of(lab.result) == Config(**SMALL)
    assert set(lab.result["estimates"].children) == {"letkf", "oi"}
    end(lab.model)


def test_another_system_bars_what_it_does_not_have(lab):
    [velocity], [system] = widgets(lab, "velocity"), widgets(lab, "System")
    assert not velocity.disabled
    system.value = "lorenz96"
    assert velocity.disabled and "layer" in velocity.tooltip


def test_labels_are_in_the_words_of_the_system(lab):
    labels = {"qg64": ("Every (days)", "Day", "Layer"),
              "lorenz63": ("Every (steps)", "Step", "Variable")}
    [system] = widgets(lab, "System")
    for name in ("lorenz63", "qg64"):
        system.value = name
        for other, words in labels.items():
            assert all(bool(widgets(lab, word)) is (other == name) for word in words)


def test_a_run_is_replayed_once_it_is_there(lab):
    [slider] = widgets(lab, "Replay")
    [play] = (w for w in every(lab) if isinstance(w, ipw.Play) and w.max == REPLAY_STEPS)
    assert slider.disabled and play.disabled
    lab.model.controls.steps = 8
    by_hand(lab)
    assert not slider.disabled and slider.value == 1 and play.value == play.max
    last = pixels(lab)
    slider.value = 0.25
    assert lab.model.display.replay_position == 0.25 and play.value == 0.25 * play.max
    lab.refresh()
    assert (pixels(lab) != last).any()
    play.value = 0
    assert lab.model.display.replay_position == 0 and slider.value == 0
    play.value = play.max
    lab.refresh()
    assert (pixels(lab) == last).all()


def test_what_is_left_without_a_kernel_is_the_newest_run(lab, monkeypatch):
    left: dict = {}
    for name in ("display", "update_display"):
        monkeypatch.setattr(
            f"dalab.views.jupyter.lab.{name}",
            lambda data, raw, display_id="widget": left.update({display_id: data}),
        )
    lab._ipython_display_()
    view, plot, scores = left.values()
    assert "application/vnd.jupyter.widget-view+json" in view
    assert "need a kernel" in view["text/plain"]
    assert "Not run yet" in scores["text/html"]
    by_hand(lab)
    _, newer, table = left.values()
    shown = Image.open(io.BytesIO(base64.b64decode(newer["image/png"]))).convert("RGB")
    assert newer["image/png"] != plot["image/png"]
    assert np.abs(np.asarray(shown, float) - pixels(lab)).max() < 40, "the same in fewer colours"
    assert "oi" in table["text/html"] and "spectral" in table["text/html"]


def test_live_pictures_then_a_result(lab):
    async def session():
        lab.model.controls.steps = 12
        lab.run()
        seen = set()

        def watch():
            seen.add(lab._image.value)
            return not lab.model.runs.busy

        await until(watch)
        await until(lambda: lab._task.done())
        return seen

    before = pixels(lab)
    assert len(asyncio.run(session())) >= 3
    assert (pixels(lab) != before).any()
    assert lab.model.runs.state == "done" and "spectral" in lab._table.value
    assert set(lab.result["estimates"].children) == {"spectral", "oi"}


def test_run_returns_at_once_and_stop_works_while_it_runs(lab):
    async def session():
        lab.model.controls.steps = 300
        start = time.monotonic()
        lab.run()
        assert time.monotonic() - start < 2
        await until(lambda: "spectral" in lab.model.display.curves())
        lab.stop()
        assert lab.model.runs.state == "cancelled"
        await until(lambda: lab._task.done())
        assert "Stopped" in lab._status.value
        lab.model.controls.steps = 3
        lab.run()
        await until(lambda: lab.model.runs.state == "done")

    asyncio.run(session())


def test_without_a_loop_refresh_follows_by_hand(lab):
    by_hand(lab)
    assert lab.model.runs.state == "done" and lab.result is not None


def test_buttons_follow_the_state(lab):
    [run], [stop] = widgets(lab, "Run"), widgets(lab, "Stop")
    assert not run.disabled and stop.disabled
    run.click()
    assert run.disabled and not stop.disabled
    stop.click()
    assert lab.model.runs.state == "cancelled" and not run.disabled


def test_fields_and_config_are_bound_both_ways(lab):
    [noise], [velocity], [where] = (widgets(lab, d) for d in ("Noise std", "velocity", "Where"))
    noise.value, velocity.value, where.value = 0.3, True, "stride"
    config = lab.config
    assert config.noise == 0.3 and config.operators == ("arctan", "velocity")
    assert config.masks == ("stride",)
    [stride] = widgets(lab, "stride")
    stride.value = 8
    assert lab.config.masks == ("stride:stride=8",)
    lab.model.controls.noise, lab.model.controls.operators = 0.5, ["sine"]
    assert noise.value == 0.5 and not velocity.value


def test_a_blank_field_leaves_an_option_to_the_method(lab):
    lab.model.controls.methods = ["letkf"]
    radius = field(lab.model.controls.method_options["letkf"], "localisation")
    assert radius.value == "" and radius.placeholder == "auto"
    radius.value = "2.5"
    assert lab.config.methods == ("letkf:localisation=2.5",)
    lab.model.controls.method_options["letkf"].localisation = 4.0
    assert radius.value == "4.0"
    radius.value = ""
    assert lab.config.methods == ("letkf",)


def test_a_bad_value_is_explained_and_nothing_runs(lab):
    [ratio], [run] = widgets(lab, "ratio"), widgets(lab, "Run")
    ratio.value = 0
    assert "ratio = 0" in lab._status.value.replace("0.0", "0") and "above 0" in lab._status.value
    run.click()
    assert lab.model.runs.state == "idle"
    ratio.value = 0.5
    assert "above 0" not in lab._status.value


def test_another_choice_of_methods_gets_another_sheet(lab):
    height = pixels(lab).shape[0]
    lab.model.controls.methods = ["spectral", "oi", "etkf", "sda", "dps"]
    lab.refresh()
    assert pixels(lab).shape[0] > height
    lab.model.display.view = "spread"
    lab.refresh()
