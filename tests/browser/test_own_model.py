"""A user's own system, prior, operator and method: scores, a file, a figure and a page."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import dalab

from .conftest import ROOT, free_port, wait_for_http
from .page import LabPage

pytestmark = [pytest.mark.browser, pytest.mark.lab]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Address of the page of the script, and the folder it runs in."""
    folder, port = tmp_path_factory.mktemp("own"), free_port()
    log = folder / "log.txt"
    command = [sys.executable, str(ROOT / "apps" / "own_model.py"), str(port)]
    with log.open("w") as out:
        server = subprocess.Popen(
            command, stdout=out, stderr=out, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
    try:
        wait_for_http(f"http://localhost:{port}/", server, log)
        yield f"http://localhost:{port}/", folder
    finally:
        server.terminate()
        server.wait(20)
    assert "Traceback" not in log.read_text()


def test_scores_file_and_figure(served):
    _, folder = served
    scores = (folder / "log.txt").read_text()
    assert "nudging" in scores and "spectral" in scores
    tree = dalab.load(folder / "out" / "own_model.nc")
    assert tree.attrs["own_parts"] == "methods operators prior system truth"
    rmse = dict(zip(*(dalab.table(tree)[name] for name in ("method", "rmse_mean")), strict=True))
    assert rmse["spectral"] < 0.6 * rmse["nudging"]
    assert (folder / "out" / "own_model.png").stat().st_size > 20_000


def test_the_page_names_runs_and_scores_them(chromium, served):
    address, _ = served
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = LabPage(context.new_page())
    page.open(address)
    assert page.page.get_by_label("System", exact=True).input_value() == "drift"
    page.wait(lambda: len(page.image("truth")) == 32 * 32, "the true field")
    assert page.observed() == 256
    page.press("Run")
    page.wait_state("done")
    assert len(page.image("nudging")) == 32 * 32 and len(page.curve("spectral")) == 6
    context.close()
    assert page.complaints == []
