"""Links, scripts, downloads and dropped files in a real browser."""

from __future__ import annotations

import base64
import csv
import re
import shlex

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from dalab.experiments.config import Config
from dalab.experiments.results.store import config_of, load, save
from dalab.experiments.run import execute
from dalab.systems import SYSTEMS

from .page import LabPage

pytestmark = [pytest.mark.browser, pytest.mark.lab, pytest.mark.slow]

QUICK = "methods=oi&methods=spectral&members=2&steps=4"

DROP = """([name, data]) => {
  const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0))
  const dataTransfer = new DataTransfer()
  dataTransfer.items.add(new File([bytes], name))
  for (const kind of ["dragover", "drop"])
    document.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }))
}"""


@pytest.fixture
def visit(chromium, address):
    """Opens the lab with a query in a browser context of its own; none may complain."""
    made = []

    def open_page(query: str) -> LabPage:
        context = chromium.new_context(viewport={"width": 1280, "height": 800})
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = LabPage(context.new_page())
        made.append((context, page))
        page.open(query if query.startswith("http") else f"{address}?{query}")
        return page

    yield open_page
    for context, page in made:
        context.close()
        assert page.complaints == []


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A result that was made elsewhere."""
    config = Config(operators=("velocity",), masks=("stride:4",), noise=0.25, methods=("oi",),
                    members=3, device="cpu")
    return save(execute(config), tmp_path_factory.mktemp("stored") / "elsewhere.nc")


def run(lab):
    """Run, and wait for the end."""
    lab.press("▶ Run")
    lab.wait_state("waiting", "preparing", "running", "done")
    lab.page.locator("button.handle:enabled", has_text="Download").wait_for()
    lab.wait_state("done")


def copied(lab, item):
    """What an item of the menu Share puts on the clipboard."""
    lab.press("Share")
    lab.page.get_by_role("menuitem", name=item).click()
    lab.page.locator("output.message", has_text="Copied").wait_for()
    return lab.page.evaluate("navigator.clipboard.readText()")


def bring(lab, path):
    """Choose a file with the button Open."""
    with lab.page.expect_file_chooser() as chooser:
        lab.press("Open …")
    chooser.value.set_files(path)


def shown(lab):
    """What maps and curves hold."""
    return {name: (lab.image(name), lab.curve(name)) for name in ("oi", "spectral")}


def test_a_link_restores_everything_and_gives_identical_numbers(visit):
    lab = visit(f"operators=velocity&masks=stride:4&seed=3&{QUICK}")
    lab.choose("Layer", "lower")
    lab.choose("Estimates", "error")
    lab.type("Noise std", "0.3")
    lab.page.wait_for_url(re.compile("noise=0[.]3&"))
    run(lab)
    numbers = lab.wait(lambda: all(c for _, c in shown(lab).values()) and shown(lab), "numbers")
    address = copied(lab, "Copy link")
    assert "operators=velocity&masks=stride&noise=0.3" in address and "view=error" in address

    other = visit(address)
    other.wait(lambda: other.observed() == 256, "the network of the link")
    assert other.page.get_by_role("textbox", name="Noise std", exact=True).input_value() == "0.3"
    assert other.page.get_by_label("Layer", exact=True).input_value() == "lower"
    assert other.page.get_by_label("Estimates", exact=True).input_value() == "error"
    run(other)
    other.wait(lambda: shown(other) == numbers, "the same numbers")
    assert other.page.url == address


def test_a_bad_link_says_why_and_falls_back(visit):
    lab = visit("noize=0.3")
    message = lab.wait_error()
    assert "noize" in message and "Did you mean 'noise'?" in message
    lab.wait(lambda: lab.observed() == 1024, "the usual network")
    lab.type("Noise std", "0.2")
    lab.page.wait_for_url(re.compile("/lab[?]noise=0[.]2$"))
    lab.page.wait_for_selector(".lab-status:not(.error)")


def test_script_and_command_give_the_numbers_on_the_screen(visit):
    lab = visit("methods=oi&members=2&noise=0.2&device=cpu")
    run(lab)
    curve = lab.wait(lambda: lab.curve("oi"), "the curve")
    script, command = copied(lab, "Copy as Python"), copied(lab, "Copy as command")
    space: dict = {}
    exec(script, space)
    found = space["tree"]["metrics/rmse_steps"].sel({"method": "oi"})
    np.testing.assert_allclose(curve, found, rtol=1e-12)
    words = shlex.split(command)
    assert words[:2] == ["dalab", "run"] and words[words.index("--noise") + 1] == "0.2"


def test_every_download_arrives_and_opens(visit, tmp_path):
    lab = visit(f"noise=0.2&{QUICK}")
    assert lab.page.locator("button.handle", has_text="Download").is_disabled()
    run(lab)
    files = {}
    for item in ("NetCDF", "PNG", "GIF", "CSV"):
        lab.press("Download")
        with lab.page.expect_download() as download:
            lab.page.get_by_role("menuitem", name=item).click()
        files[item] = tmp_path / download.value.suggested_filename
        download.value.save_as(files[item])
    tree = load(files["NetCDF"])
    assert config_of(tree).noise == 0.2
    np.testing.assert_allclose(lab.curve("oi"), tree["metrics/rmse_steps"].sel({"method": "oi"}))
    assert len(list(csv.DictReader(files["CSV"].open()))) == 18
    assert Image.open(files["PNG"]).width > 800
    assert Image.open(files["GIF"]).n_frames == 9


def test_a_stored_run_dropped_on_the_page_is_shown(visit, stored):
    lab = visit(QUICK)
    data = base64.b64encode(stored.read_bytes()).decode()
    lab.page.get_by_role("button", name="Open").wait_for()

    def dropped():  # again, if nobody listened yet
        lab.page.evaluate(DROP, ["elsewhere.nc", data])
        lab.page.wait_for_timeout(5000)
        return lab.curve("oi") and any(lab.curve("oi"))

    lab.wait(dropped, "the curve of the stored run")
    lab.wait(lambda: lab.observed() == 256, "its network")
    np.testing.assert_allclose(lab.curve("oi"), load(stored)["metrics/rmse_steps"][0])
    assert lab.page.get_by_role("textbox", name="Noise std", exact=True).input_value() == "0.25"
    row = lab.page.locator("table.scores tbody tr").first
    lab.wait(lambda: "oi" in row.inner_text() and "–" not in row.inner_text(), "its scores")
    lab.page.wait_for_url(re.compile("masks=stride&"))


def test_wrong_files_are_refused_and_the_page_stays_usable(visit, stored, tmp_path):
    lab = visit(QUICK)
    (tmp_path / "notes.nc").write_text("cos\nsystem\n(S'rm -rf /'\ntR.")
    (tmp_path / "half.nc").write_bytes(stored.read_bytes()[:20000])
    (tmp_path / "model.pkl").write_bytes(b"\x80\x04.")
    for name in ("notes.nc", "half.nc", "model.pkl"):
        bring(lab, tmp_path / name)
        lab.wait(lambda: name in lab.says and "cannot be used" in lab.says, f"no to {name}")  # noqa: B023
    lab.type("Noise std", "0.2")
    lab.page.wait_for_selector(".lab-status:not(.error)")
    bring(lab, stored)
    lab.wait(lambda: lab.curve("oi") and any(lab.curve("oi")), "a right one")


def test_a_truth_of_ones_own_becomes_the_truth(visit, tmp_path):
    lab = visit(QUICK)
    before = lab.wait(lambda: lab.image("truth") and any(lab.image("truth"))
                      and lab.image("truth"), "the usual truth")
    system = SYSTEMS.make("qg64")
    values = np.random.default_rng(0).normal(size=(9, *system.shape)) * system.scale.numpy()
    q = (("time", "lev", "y", "x"), values, {"units": "s^-1"})
    time = ("time", np.arange(9) * system.interval, {"units": "s"})
    xr.Dataset({"q": q}, {"time": time}).to_netcdf(tmp_path / "mine.nc", engine="h5netcdf")
    bring(lab, tmp_path / "mine.nc")
    lab.wait(lambda: lab.image("truth") not in (None, before), "the truth of the file")
    assert lab.page.get_by_label("Truth", exact=True).input_value() == "file"


def test_runs_are_listed_compared_shown_again_and_deleted(visit, stored):
    lab = visit(f"page=Runs&{QUICK}")
    rows = lab.page.locator("table.runs tbody tr")
    run(lab)
    bring(lab, stored)
    lab.wait(lambda: rows.count() == 2, "two runs")
    assert "elsewhere.nc" in rows.nth(0).inner_text() and "Run 1" in rows.nth(1).inner_text()
    for title in ("Run 1", "elsewhere.nc"):
        lab.page.get_by_label(f"Compare {title}").check()
    compared = lab.page.locator("table.compared tbody tr")
    lab.wait(lambda: compared.count() == 2, "oi and spectral side by side")
    assert "velocity" in lab.page.locator("table.differs").inner_text()
    with lab.page.expect_download() as download:
        lab.press("Download Run 1")
    assert download.value.suggested_filename.endswith(".nc")
    lab.press("Show Run 1")
    lab.wait(lambda: lab.curve("spectral") and any(lab.curve("spectral")), "the first run")
    lab.page.get_by_role("tab", name="Runs").click()
    lab.press("Delete elsewhere.nc")
    lab.wait(lambda: rows.count() == 1, "one run")
