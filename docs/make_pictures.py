"""The pictures of the README, taken from the real page in Debian's Chromium.

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
SETUP = "methods=spectral&methods=letkf&methods=oi&members=8&steps=24"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def take(page: Page, name: str) -> None:
    """Keep what the page shows, in few colours."""
    page.wait_for_timeout(2500)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    path = FOLDER / f"{name}.png"
    picture.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(Path.cwd())}: {path.stat().st_size // 1024} KiB")


def tour(page: Page) -> None:
    """Run the set-up, and look at three pages of it."""
    page.goto(f"http://localhost:{PORT}/?{SETUP}")
    page.get_by_role("button", name="▶ Run").click()
    page.wait_for_selector(".lab-strip[data-state=done]", timeout=600_000)
    take(page, "assimilate")
    page.get_by_role("tab", name="Posterior").click()
    page.wait_for_timeout(8000)
    take(page, "posterior")
    page.get_by_role("tab", name="Sensors").click()
    page.wait_for_timeout(3000)
    page.get_by_role("button", name="Dark").click()
    take(page, "sensors")


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "dalab", "lab", "--no-show", "--port", str(PORT)]
    server = subprocess.Popen(command)
    try:
        while server.poll() is None:
            try:
                urllib.request.urlopen(f"http://localhost:{PORT}/", timeout=60)
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
