"""A served lab and a real browser to open it in."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .page import LabPage

ROOT = Path(__file__).parents[2]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
HOW = "install it (Debian, Ubuntu: sudo apt-get install chromium)"


def unavailable(why: str) -> None:
    """Skip, or fail where the browser tests are required."""
    if os.environ.get("DALAB_REQUIRE_BROWSER") == "1":
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="package")
def chromium():
    """A running Chromium, driven by Playwright.

    Ended with this package: while it lives its event loop runs, and tests after it need their own.
    """
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        unavailable(f"the browser tests need Chromium: {HOW}")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        unavailable("the browser tests need playwright: pip install playwright")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the app is served, by a process of its own."""
    with served("lab", tmp_path_factory.mktemp("serve")) as url:
        yield url


@contextmanager
def served(app: str, folder: Path) -> Iterator[str]:
    """Serve ``apps/APP.py`` from a process that must not have had an error in the end."""
    port, log = free_port(), folder / "log.txt"
    command = [sys.executable, "-m", "panel", "serve", str(ROOT / "apps" / f"{app}.py"),
               "--port", str(port)]
    with log.open("w") as out:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        server = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
    url = f"http://localhost:{port}/{app}"
    try:
        wait_for_http(url, server, log)
        yield url
    finally:
        server.terminate()
        server.wait(20)
    assert "/dalab/" not in log.read_text(), f"an error in a callback: {log.read_text()[-3000:]}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def wait_for_http(url: str, server: subprocess.Popen, log: Path, seconds: float = 120) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=30)
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise AssertionError(f"the lab was not served: {log.read_text()[-3000:]}")


@pytest.fixture
def lab(chromium, address) -> Iterator[LabPage]:
    """The lab in a fresh browser session; the test fails if the console has errors."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = LabPage(context.new_page())
    page.open(address)
    yield page
    context.close()
    assert page.complaints == []
