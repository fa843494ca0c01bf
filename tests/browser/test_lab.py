"""The Panel app in a real browser."""

import time

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.lab]


def drawn(values):
    return values is not None and any(v is not None for v in values)


def quick(lab, methods=("spectral",), steps="200"):
    """Choose a run whose length the test can tell: many steps to watch, few to finish."""
    for name in ("spectral", "letkf", "oi"):
        lab.tick(name, name in methods)
    lab.type("Members", "2")
    lab.type("Sampling steps", steps)
    lab.wait(lambda: all(lab.image(m) is not None for m in methods), "the maps of the methods")


def test_the_page_opens_with_a_truth_and_a_network_to_look_at(lab):
    lab.wait(lambda: drawn(lab.image("truth")), "the truth")
    lab.wait(lambda: lab.observed() == 1024, "observations")
    assert not drawn(lab.image("spectral"))
    assert lab.state == "idle" and "press Run" in lab.says
    assert lab.page.get_by_role("button", name="Stop").is_disabled()


def test_choose_run_watch_stop_and_run_again(lab):
    lab.wait(lambda: lab.observed() == 1024, "observations")
    lab.tick("arctan", False)
    lab.tick("velocity")
    lab.choose("Where", "stride")
    lab.wait(lambda: lab.observed() == 256, "the new mask")
    quick(lab)

    lab.press("Run")
    lab.wait_state("running")
    images, curves, pixels = [], [], []
    for look in range(3):
        before = images[-1] if images else None
        lab.wait(lambda: drawn(lab.image("spectral")) and lab.image("spectral") != before,  # noqa: B023
                 f"picture {look}")
        images.append(lab.image("spectral"))
        curves.append(lab.curve("spectral"))
        pixels.append(lab.wait(lambda: lab.repainted(2, pixels), f"painted picture {look}"))  # noqa: B023
    assert lab.state == "running", "these were live pictures"
    assert len({tuple(c) for c in curves}) >= 2 and all(len(c) == 9 for c in curves)

    start = time.monotonic()
    lab.press("Stop")
    lab.wait_state("cancelled")
    assert time.monotonic() - start < 5, "benchmarks/ui_latency.py holds it to 1 s"
    assert drawn(lab.image("spectral")), "what was computed stays"
    assert lab.says.startswith("Stopped")

    lab.type("Sampling steps", "4")
    lab.press("Run")
    lab.wait_state("done")
    row = lab.page.locator("table.scores tbody tr").first
    lab.wait(lambda: "spectral" in row.inner_text() and "–" not in row.inner_text(), "its scores")


def test_a_finished_run_can_be_looked_through(lab):
    quick(lab, methods=("oi",), steps="4")
    lab.press("Run")
    lab.wait_state("done")
    lab.wait(lambda: drawn(lab.image("oi")), "the estimate")
    truth, estimate = lab.image("truth"), lab.image("oi")
    slider = lab.page.locator(".noUi-handle[aria-valuemax='8.0']")
    slider.focus()
    slider.press("ArrowRight")
    lab.wait(lambda: lab.image("truth") != truth and lab.image("oi") != estimate, "another day")
    truth = lab.image("truth")
    lab.choose("Layer", "lower")
    lab.wait(lambda: lab.image("truth") != truth, "the lower layer")
    estimate = lab.image("oi")
    lab.choose("Estimates", "spread")
    lab.wait(lambda: lab.image("oi") != estimate, "the spread")
    assert min(lab.image("oi")) >= 0


@pytest.mark.parametrize("label, value, words", [
    ("ratio", "0", ["ratio", "0", "above 0", "at most 1", "default is 0.25"]),
    ("Noise std", "0", ["noise", "0", "at least 1e-06", "Use 0.1"]),
    ("Every (days)", "9", ["interval", "9", "shorter than the window", "Use 1"]),
    ("Members", "0", ["members", "0", "at least 1", "Use 8"]),
])
def test_bad_input_is_answered_with_value_bound_and_remedy(lab, label, value, words):
    field = lab.page.get_by_role("textbox", name=label, exact=True)
    good = field.input_value()
    lab.type(label, value)
    message = lab.wait_error()
    for word in words:
        assert word in message
    lab.press("Run")
    assert lab.wait_error() == message and lab.state == "idle"
    lab.type(label, good)
    lab.page.wait_for_selector(".lab-status:not(.error)")


def test_a_mistake_loses_nothing(lab):
    quick(lab, methods=("oi",), steps="4")
    lab.press("Run")
    lab.wait_state("done")
    estimate = lab.wait(lambda: drawn(lab.image("oi")) and lab.image("oi"), "the estimate")
    lab.type("ratio", "0")
    assert "ratio" in lab.wait_error()
    lab.press("Run")
    assert "ratio" in lab.wait_error() and lab.image("oi") == estimate
    lab.type("ratio", "0.5")
    lab.wait(lambda: lab.observed() == 2048, "the network of the next run")
    assert "Press Run" in lab.says and lab.image("oi") == estimate


def test_methods_bring_their_map_and_their_options(lab):
    lab.press("Method options")
    lab.page.get_by_role("textbox", name="iterations", exact=True).first.wait_for()
    lab.tick("sda")
    lab.wait(lambda: lab.image("sda") is not None, "the map of sda")
    lab.tick("sda", False)
    lab.wait(lambda: lab.image("sda") is None, "its going")


@pytest.mark.slow
def test_hasty_clicks_do_no_harm(lab):
    for on in (True, False, True):
        for name in ("sda", "mmps", "dps", "oi", "letkf"):
            lab.tick(name, on)
    for name in ("oi", "letkf", "dps"):
        lab.tick(name, False)
    lab.wait(lambda: lab.image("mmps") is not None and lab.image("dps") is None, "the last choice")
    lab.type("Members", "1")
    lab.type("Sampling steps", "2")
    lab.press("Run")
    lab.wait_state("done")
    lab.wait(lambda: drawn(lab.image("mmps")), "the estimate of mmps")
    assert lab.page.locator(".bk-Figure:visible").count() == 6, "five maps and the curves"
    names = lab.page.locator("table.scores tbody td:first-child")
    assert names.all_inner_texts() == ["spectral", "sda", "mmps"]
    lab.tick("sda", False)
    lab.tick("mmps", False)
    lab.wait(lambda: names.all_inner_texts() == ["spectral"], "a shorter table")
    edges = lab.page.locator("table.scores").bounding_box()
    assert edges["x"] + edges["width"] <= 1280, "and a narrower one"
    lab.tick("sda")
    lab.wait(lambda: len(names.all_inner_texts()) == 2, "sda again")
    lab.page.locator("table.scores th button").first.click()
    assert names.all_inner_texts() == ["sda", "spectral"], "sorted by name"


def test_two_sessions_know_nothing_of_each_other(lab, chromium, address):
    from .page import LabPage

    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    other = LabPage(context.new_page())
    other.open(address)
    other.choose("Where", "full")
    other.wait(lambda: other.observed() == 4096, "the full mask")
    lab.wait(lambda: lab.observed() == 1024, "the mask of the first session")
    assert other.image("truth") == lab.image("truth"), "the same seed"
    context.close()
    assert other.complaints == []
