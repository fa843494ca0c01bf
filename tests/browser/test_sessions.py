"""Several people at once: one line for their runs, closed pages, kept runs, replay."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from dalab.experiments.config import Config
from dalab.experiments.run import execute
from dalab.views.panel.serve import SESSION

from .conftest import ROOT, free_port, wait_for_http
from .page import BREAK, READY, SOCKETS, LabPage

pytestmark = [pytest.mark.browser, pytest.mark.lab, pytest.mark.slow]

SHORT = "prior=gaussian&methods=spectral&members=2&steps=4"
LONG = "prior=gaussian&methods=spectral&members=2&steps=100000"


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[str]:
    """``dalab lab``, which forgets a page soon after it is closed."""
    port, log = free_port(), tmp_path_factory.mktemp("serve") / "log.txt"
    command = [sys.executable, "-m", "dalab", "lab", "--no-show", "--port", str(port)]
    with log.open("w") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out,
                                  env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        wait_for_http(f"http://localhost:{port}/", server, log)
        yield f"http://localhost:{port}/"
    finally:
        server.terminate()
        server.wait(20)
    assert "Traceback" not in log.read_text(), log.read_text()[-3000:]


Person = Callable[[str], LabPage]


@pytest.fixture
def person(chromium, served) -> Iterator[Person]:
    """Opens the page for somebody who has never been there; every context is a browser."""
    pages: list[LabPage] = []

    def come(query: str) -> LabPage:
        context = chromium.new_context(viewport={"width": 1280, "height": 800})
        pages.append(LabPage(context.new_page()))
        pages[-1].page.add_init_script(SOCKETS)
        pages[-1].open(query if query.startswith("http") else f"{served}?{query}")
        return pages[-1]

    yield come
    for page in pages:
        page.page.context.close()
        assert page.complaints == []


@contextmanager
def closing(page: LabPage) -> Iterator[None]:
    yield
    page.page.context.close()


def finished(lab: LabPage, name: str = "spectral") -> list[float]:
    """The curve of a method after the run."""
    lab.wait_state("done")
    return lab.wait(lambda: drawn(lab.curve(name)) and lab.curve(name), "its curve")


def drawn(values: list | None) -> bool:
    return values is not None and any(v is not None for v in values)


def alone(steps: int = 4, **changes: object) -> list[float]:
    """The curve of the same run without any interface."""
    config = Config(prior="gaussian", methods=("spectral",), members=2, steps=steps, **changes)
    return list(execute(config)["metrics/rmse_steps"].values[0])


@pytest.mark.slow
def test_two_people_at_once_get_what_each_would_get_alone(person):
    first, second = person(f"{SHORT}&seed=1"), person(f"{SHORT}&seed=2")
    first.press("Run")
    second.press("Run")
    curves = finished(first), finished(second)
    assert curves[0] != curves[1]
    for seed, curve in zip((1, 2), curves, strict=True):
        assert curve == pytest.approx(alone(seed=seed), rel=1e-5)


def test_a_page_closed_during_its_run_frees_the_worker(person):
    first, second = person(LONG), person(SHORT)
    with closing(first):
        first.press("Run")
        first.wait(lambda: drawn(first.image("spectral")), "its first picture")
        second.press("Run")
        second.wait_state("waiting")
        assert second.says.startswith("Next in line")
    finished(second)


def test_stop_in_line_gives_the_place_away(person):
    first, second, third = person(LONG), person(SHORT), person(SHORT)
    first.press("Run")
    first.wait(lambda: drawn(first.image("spectral")), "its first picture")
    second.press("Run")
    second.wait_state("waiting")
    third.press("Run")
    third.wait(lambda: third.says.startswith("2nd in line"), "its place")
    second.press("Stop")
    second.wait_state("cancelled")
    third.wait(lambda: third.says.startswith("Next in line"), "a better place")
    first.press("Stop")
    finished(third)


def test_a_kept_run_is_found_again_at_the_same_address(person):
    lab, other = person(LONG), person(SHORT)
    with closing(lab):
        lab.tick("Keep running when this page is closed")
        lab.wait(lambda: "session=" in lab.page.url, "the key in the address")
        address = lab.page.url
        lab.press("Run")
        lab.wait(lambda: drawn(lab.image("spectral")), "its first picture")
    back = person(address)
    back.wait_state("running")
    back.wait(lambda: drawn(back.image("spectral")), "its pictures")
    other.press("Run")
    other.wait_state("waiting")
    back.press("Stop")
    back.wait_state("cancelled")
    finished(other)
    again = person(address)
    again.wait_state("cancelled")
    again.wait(lambda: drawn(again.image("spectral")), "what it had computed")


def lose(lab: LabPage) -> None:
    """Break the connection of a page, which then comes back by itself."""
    with lab.page.expect_navigation():
        lab.page.evaluate(BREAK)


def reload(lab: LabPage) -> None:
    """Open a page anew whose run is kept."""
    lab.tick("Keep running when this page is closed")
    lab.wait(lambda: "session=" in lab.page.url, "the key in the address")
    lab.page.reload()


@pytest.mark.slow
@pytest.mark.parametrize("away", [lose, reload])
def test_a_page_that_comes_back_finds_its_run_and_its_numbers(person, away):
    lab = person(SHORT.replace("steps=4", "steps=40"))
    lab.press("Run")
    lab.wait(lambda: drawn(lab.image("spectral")), "its first picture")
    away(lab)
    lab.page.wait_for_function(READY)
    lab.wait_state("running", "done")
    assert ("session=" in lab.page.url) is (away is reload) and "back=" not in lab.page.url
    assert finished(lab) == pytest.approx(alone(steps=40), rel=1e-5)


def test_a_page_that_is_slow_to_load_still_finds_its_session(chromium, served):
    context = chromium.new_context()
    page = LabPage(context.new_page())

    def late(route) -> None:
        time.sleep(1.5 * SESSION["unused_session_lifetime_milliseconds"] / 1000)
        route.continue_()

    page.page.route("**/bokeh.min.js*", late)
    with closing(page):
        page.open(f"{served}?{SHORT}")
        page.press("Run")
        finished(page)
    assert page.complaints == []


def test_a_run_is_replayed(person):
    lab = person(SHORT.replace("steps=4", "steps=24"))
    play = lab.page.get_by_role("button", name="Play")
    assert play.is_disabled()
    lab.press("Run")
    curve = finished(lab)
    lab.wait(play.is_enabled, "something to play")
    last = lab.wait(lambda: lab.image("spectral"), "the estimate")
    slider = lab.page.get_by_role("slider", name="Replay")
    slider.focus()
    for _ in range(20):
        slider.press("ArrowLeft")
    lab.wait(lambda: lab.image("spectral") != last, "an earlier picture")
    lab.wait(lambda: lab.curve("spectral")[0] > curve[0], "its larger error")
    play.click()
    lab.wait(lambda: lab.image("spectral") == last and lab.curve("spectral") == curve, "the end")
    lab.wait(play.is_visible, "a button to play it again")
