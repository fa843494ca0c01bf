"""The pictures of the README and of the tour, taken from the real page in Debian's Chromium.

    python docs/make_pictures.py
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

FOLDER = Path(__file__).parent / "pictures"
PORT = 5017
SETUP = "methods=spectral&methods=letkf&methods=oi&members=8&steps=16"
PATIENCE = 900_000
"""Milliseconds to wait for anything."""

DRAWN = """name => Array.from(Bokeh.documents[0]?._all_models.values() ?? [])
  .some(m => (m.name ?? "").endsWith(name) && m.data.image[0].length > 4)"""
"""Whether there is a map of that name that is not empty."""

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def take(page: Page, name: str, corner: tuple[int, int, int, int] | None = None) -> None:
    """Keep what the page shows, or a part of it (left, top, right, bottom), in few colours."""
    page.wait_for_timeout(2500)
    picture = Image.open(io.BytesIO(page.screenshot(timeout=PATIENCE))).convert("RGB")
    path = FOLDER / f"{name}.png"
    small = picture.crop(corner) if corner else picture
    few = small.quantize(256, kmeans=4, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    print(f"{path.relative_to(Path.cwd())}: {path.stat().st_size // 1024} KiB")


def wait_for_data(page: Page, name: str) -> None:
    """Wait until something of that name has been drawn from data."""
    page.wait_for_function(DRAWN, arg=name)


def tour(page: Page) -> None:
    """Go through the page as docs/tour.md does."""
    page.set_default_timeout(PATIENCE)
    page.goto(f"http://localhost:{PORT}/?{SETUP}")
    wait_for_data(page, "map truth")
    take(page, "tour-choose", (0, 0, 860, 425))
    page.get_by_role("button", name="▶ Run").click()
    wait_for_data(page, "map spectral")
    take(page, "tour-run", (336, 38, 1280, 700))
    page.wait_for_selector(".lab-status[data-state=done]")
    take(page, "assimilate")
    page.get_by_label("Estimates", exact=True).select_option("error")
    take(page, "tour-error", (336, 38, 1280, 700))
    page.get_by_role("tab", name="Posterior").click()
    wait_for_data(page, "gallery 2")
    take(page, "posterior")
    page.get_by_role("tab", name="Sensors").click()
    page.get_by_role("button", name="Show value").click()
    page.get_by_text("A sensor at the star").wait_for()
    take(page, "tour-value", (336, 38, 1280, 780))
    page.get_by_label("Map", exact=True).select_option("truth")
    page.get_by_role("button", name="Dark").click()
    take(page, "sensors")
    page.get_by_role("button", name="Light").click()
    page.get_by_role("tab", name="Runs").click()
    page.get_by_role("button", name="Share").click()
    take(page, "tour-share", (620, 0, 1280, 240))


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "dalab", "lab", "--no-show", "--port", str(PORT)]
    server = subprocess.Popen(command)
    try:
        while server.poll() is None:
            try:
                urllib.request.urlopen(f"http://localhost:{PORT}/", timeout=PATIENCE / 1000)
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.5)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"),
                                                 args=FLAGS)
            tour(browser.new_page(viewport={"width": 1280, "height": 800}))
            browser.close()
    finally:
        server.terminate()
        server.wait(30)


if __name__ == "__main__":
    main()
