"""The lab in JupyterLab itself, in a real browser: run all, Run, watch, Stop, read the result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import ROOT, free_port, wait_for_http

pytest.importorskip("jupyterlab")
pytest.importorskip("ipywidgets")

pytestmark = [pytest.mark.browser, pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(1800)]

SECONDS = 500
"""Patience: the notebook runs a whole experiment, on a busy machine too."""

LOST = 20
"""Seconds for which a kernel is idle that has cells left to run only if it was never told."""

NOTEBOOK = "00_first_run.ipynb"
IN_SMALL = {"members=4": "members=1", "steps=16": "steps=3"}
"""The experiment of the notebook's second part."""

CYCLES = "cycles.ipynb"
CELL = """from dalab.views.jupyter.lab import Lab
lab = Lab(system="lorenz96", operators=["identity"], masks=["full"], methods=["etkf"], members=24)
lab"""
"""A notebook with a cell that shows a quick filter."""

EXPLORE = "explore.ipynb"
EMBEDDED, ASKED = """import dalab
result = dalab.execute(dalab.Config(methods=["etkf"], members=2, prior="gaussian"))
dalab.explore(result)""", """from dalab.views.render import explore as maps
maps.EMBEDDED = 0
dalab.explore(result)"""
"""Cells with the maps of a result, and with those whose data stays with the kernel."""

SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
"""All cells in the page at once; no questions at the start."""


def notebook_of(*cells: str) -> str:
    """A notebook of some cells of code."""
    return json.dumps({
        "nbformat": 4, "nbformat_minor": 5, "cells": [{
            "cell_type": "code", "id": f"cell-{number}", "metadata": {}, "outputs": [],
            "source": source, "execution_count": None,
        } for number, source in enumerate(cells)],
        "metadata": {"kernelspec": {
            "name": "python3", "display_name": "Python 3", "language": "python",
        }},
    })


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where JupyterLab starts: a copy of the notebook, and settings."""
    made = tmp_path_factory.mktemp("jupyter")
    text = (ROOT / "notebooks" / NOTEBOOK).read_text()
    for whole, small in IN_SMALL.items():
        assert whole in text
        text = text.replace(whole, small)
    (made / NOTEBOOK).write_text(text)
    (made / CYCLES).write_text(notebook_of(CELL))
    (made / EXPLORE).write_text(notebook_of(EMBEDDED, ASKED))
    for name, values in SETTINGS.items():
        path = made / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    return made


@pytest.fixture(scope="module")
def jupyter(folder: Path):
    """The address of a JupyterLab server."""
    port, log = free_port(), folder / "log.txt"
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"), "JUPYTER_PLATFORM_DIRS": "1",
        "JUPYTER_CONFIG_DIR": str(folder / "config"), "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
    }  # fmt: skip
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
        "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}",
    ]  # fmt: skip
    with log.open("w") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, env=environment, cwd=folder)
    try:
        wait_for_http(f"http://localhost:{port}/api", server, log)
        yield f"http://localhost:{port}"
    finally:
        server.terminate()
        server.wait(60)


class Notebook:
    """A notebook that is open in JupyterLab.

    Args:
        page: a Playwright page.
        url: of the notebook.
    """

    def __init__(self, page, url: str) -> None:
        self.page = page
        page.set_default_timeout(1000 * SECONDS)
        page.add_locator_handler(page.locator(".jp-Dialog"), self._answer)
        page.goto(url, wait_until="commit")
        self.cells = page.locator(".jp-Notebook .jp-CodeCell")
        self.left = self.cells.first.locator(".jp-RenderedImage img, .jp-RenderedHTML table")
        self.cells.first.wait_for()
        page.locator("[data-status=idle]").first.wait_for()

    def _answer(self, dialog) -> None:
        """Say yes to a question of JupyterLab, such as that for the kernel of a slow server."""
        print("JupyterLab asks:", dialog.first.inner_text())
        dialog.locator(".jp-Dialog-button").last.click()

    def run_all(self) -> None:
        """Run all cells and wait for the last of them."""
        self.wait(self._all_ran, "the last cell")

    def _all_ran(self) -> bool:
        """Choose Run All Cells; whether the last has run once nothing has for a while.

        JupyterLab may lose cells that are run while it still finds its kernel.
        """
        self.page.keyboard.press("Escape")
        self.page.locator(".lm-MenuBar-itemLabel", has_text="Run").first.click()
        self.page.locator(".lm-Menu-itemLabel", has_text="Run All Cells").first.click()
        idle = 0
        while idle < LOST:
            self.page.wait_for_timeout(1000)
            if self.prompt(-1)[1:2].isdigit():
                return True
            idle = idle + 1 if self.page.locator("[data-status=idle]").count() else 0
        return False

    def prompt(self, number: int) -> str:
        """What stands before a cell: its count, or a star."""
        count = self.cells.count()
        return self.cells.nth(number % count).locator(".jp-InputPrompt").inner_text()

    def reopen_without_its_kernel(self) -> None:
        """Save, end the kernel, and open the notebook again; JupyterLab may start another."""
        self.page.keyboard.press("Control+s")
        self.page.wait_for_timeout(3000)
        self.page.evaluate("""async () => {
          const sessions = await (await fetch("/api/sessions")).json()
          const xsrf = document.cookie.match(/_xsrf=([^;]*)/)
          const headers = xsrf ? { "X-XSRFToken": xsrf[1] } : {}
          for (const { id } of sessions)
            await fetch(`/api/sessions/${id}`, { method: "DELETE", headers })
        }""")
        self.page.reload(wait_until="commit")
        self.cells.first.wait_for()

    def ask(self, code: str) -> str:
        """Write a cell below the last one, run it and return what it says."""
        count = self.cells.count()
        self.cells.nth(count - 1).locator(".jp-InputPrompt").click()
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("b")
        self.wait(lambda: self.cells.count() == count + 1, "a new cell")
        self.page.keyboard.press("Enter")
        self.page.keyboard.insert_text(code)
        self.page.keyboard.press("Control+Enter")
        output = self.cells.nth(count).locator(".jp-OutputArea-output")
        output.first.wait_for()
        return output.first.inner_text()

    def button(self, name: str):
        return self.page.locator("button.widget-button", has_text=name).first

    def picture(self) -> str:
        """The bytes of the maps as they are on the page."""
        return self.page.locator("img.widget-image").first.evaluate(
            "async image => Array.from(new Uint8Array("
            "await (await fetch(image.src)).arrayBuffer())).join()"
        )

    @property
    def state(self) -> str:
        return self.page.locator(".lab-status").first.get_attribute("data-state")

    def wait(self, condition, what: str):
        """Wait until something is true; return it."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            value = condition()
            if value:
                return value
            self.page.wait_for_timeout(100)
        raise AssertionError(f"waited {SECONDS} s for {what}")


def test_run_all_then_run_watch_stop_and_read_the_result(chromium, jupyter):
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    notebook = Notebook(context.new_page(), f"{jupyter}/lab/tree/{NOTEBOOK}")
    notebook.run_all()
    assert notebook.page.locator(".jp-OutputArea img[src^='data:image/png']").count() >= 1
    assert notebook.page.locator("[data-mime-type='application/vnd.jupyter.stderr']").count() == 0

    assert notebook.button("Run").is_enabled() and notebook.button("Stop").is_disabled()
    notebook.button("Run").click()
    notebook.wait(lambda: notebook.state == "running", "the run")
    pictures = {notebook.picture()}
    while len(pictures) < 4:
        pictures.add(notebook.wait(
            lambda: (new := notebook.picture()) not in pictures and new, "another picture"
        ))  # fmt: skip
    assert notebook.state == "running", "these were live pictures"

    notebook.button("Stop").click()
    notebook.wait(lambda: notebook.state == "cancelled", "the end of the run")
    assert notebook.button("Run").is_enabled() and notebook.button("Stop").is_disabled()
    said = notebook.ask('lab.result.attrs["status"], list(lab.result["estimates"].children)')
    quick = "'oi'" in said or "'letkf'" in said
    assert "cancelled" in said and quick, "these run first"
    assert notebook.left.count() == 2 and not notebook.left.first.is_visible()
    context.close()


def test_the_picture_and_the_scores_stay_without_the_kernel(chromium, jupyter):
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    notebook = Notebook(context.new_page(), f"{jupyter}/lab/tree/{NOTEBOOK}")
    notebook.run_all()
    notebook.ask("lab.model.controls.param.update(system='lorenz96', methods=['oi'], members=2)")
    notebook.button("Run").click()
    notebook.wait(lambda: notebook.state == "done", "the run")
    notebook.wait(lambda: notebook.left.count() == 2, "the scores under the widget")
    notebook.reopen_without_its_kernel()
    for kept in (notebook.left.first, notebook.left.nth(1)):
        kept.wait_for(state="visible")
    assert notebook.left.count() == 2
    assert "oi" in notebook.left.nth(1).inner_text()
    assert notebook.left.first.evaluate("image => image.naturalWidth") > 800
    gone = notebook.cells.first.locator(".jp-OutputArea-output").first
    assert "widget" in gone.text_content(), "what JupyterLab says of a widget that is gone"
    assert not gone.is_visible()
    context.close()


@pytest.mark.slow
def test_cycles_are_switched_on_run_stopped_continued_and_played(chromium, jupyter):
    context = chromium.new_context(viewport={"width": 1280, "height": 1100})
    url = f"{jupyter}/lab/tree/{CYCLES}?reset"  # without the tabs of the tests before
    notebook = Notebook(context.new_page(), url)
    notebook.run_all()
    notebook.page.get_by_role("button", name="Cycles", exact=True).click()
    cycles = notebook.page.get_by_role("spinbutton", name="Cycles", exact=True)
    cycles.fill("9000")
    cycles.press("Enter")
    assert notebook.button("Continue").is_disabled()

    notebook.button("Run").click()
    pictures = {notebook.picture()}
    while len(pictures) < 5:
        pictures.add(notebook.wait(
            lambda: (new := notebook.picture()) not in pictures and new, "another picture"
        ))  # fmt: skip
    assert notebook.state == "running", "these were live pictures"
    notebook.button("Stop").click()
    notebook.wait(lambda: notebook.state == "cancelled", "the end of the run")
    notebook.wait(lambda: notebook.button("Continue").is_enabled(), "Continue")

    reached = int(notebook.ask("lab.model.display.cycles.last"))
    assert 0 < reached < 9000
    cycles.fill(str(reached + 150))
    cycles.press("Enter")
    notebook.button("Continue").click()
    notebook.wait(lambda: notebook.state == "done", "the added cycles")
    assert notebook.ask("lab.cycles") == str(reached + 150)
    newest = notebook.picture()  # drawn by now
    notebook.ask("it = lab.model.display.cycles\nit.position = it.first + 100\nit.shown")
    notebook.wait(lambda: notebook.picture() != newest, "a look back")
    back = notebook.picture()
    notebook.page.locator(".jupyter-widgets.widget-play button:not([disabled])").first.click()
    notebook.wait(lambda: notebook.picture() != back, "the states that follow")
    context.close()


def only(address: str):
    """Route that lets no request out to another address."""
    def route(request) -> None:
        inside = request.request.url.startswith((address, "data:", "blob:", "file:"))
        request.continue_() if inside else request.abort()

    return route


def slid(page, number: int) -> None:
    """Move the slider of the time of some maps, and wait for the maps of that time."""
    title = page.get_by_text("time: 0, lev: 1", exact=True)
    handle = page.locator(".noUi-handle")
    handle.nth(2 * number).wait_for()
    drawn = page.locator("canvas").count()
    handle.nth(2 * number).click()
    before = title.count()
    page.keyboard.press("ArrowRight")
    page.get_by_text("time: 1, lev: 1", exact=True).nth(number).wait_for()
    assert drawn >= 2 and title.count() == before - 1


def scripts(path: Path) -> list[int]:
    """Number of scripts that draw maps in each cell of a notebook, which may be being written."""
    try:
        cells = json.loads(path.read_text())["cells"]
    except ValueError:
        return []
    return [json.dumps(cell["outputs"]).count('"application/vnd.holoviews_load') for cell in cells]


def test_maps_are_explored_without_internet_and_in_an_exported_notebook(
    chromium, jupyter, folder
):
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.route("**/*", only(jupyter))
    notebook = Notebook(context.new_page(), f"{jupyter}/lab/tree/{EXPLORE}?reset")
    notebook.run_all()
    slid(notebook.page, 0)
    slid(notebook.page, 1)
    notebook.page.keyboard.press("Escape")
    notebook.page.keyboard.press("Control+s")
    notebook.wait(lambda: any(scripts(folder / EXPLORE)), "the saved notebook")
    assert scripts(folder / EXPLORE) == [2, 0], "the second cell does without"
    subprocess.run([sys.executable, "-m", "nbconvert", "--to", "html", EXPLORE], cwd=folder,
                   check=True, capture_output=True)
    exported = context.new_page()
    exported.set_default_timeout(1000 * SECONDS)
    exported.goto((folder / EXPLORE).with_suffix(".html").as_uri())
    slid(exported, 0)
    context.close()
