"""Many people at once: what their sessions leave behind, and whether they get along.

Bars: 50 pages opened, run and closed leave under 100 MB and no thread; of 20 pages open at the same
time, all of which press Run, three at a time are served, in their order, and nobody sees an error.

    python benchmarks/sessions.py [--cycles 50] [--sessions 20] [--at-once 3]

Real pages in a real Chromium; memory and threads are those of the server's process.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
from playwright.sync_api import Browser, Page, sync_playwright
from ui_latency import FLAGS, READY, ROOT

SHORT = "?prior=gaussian&methods=oi&members=2"
LONGER = "?prior=gaussian&methods=spectral&members=2&steps=100"
PATIENCE = 600_000
WARM = 5
"""Cycles before counting: the first ones load libraries and fill caches."""

GONE = 15
"""Seconds after which the server has let go of a page that was closed."""


@contextmanager
def served(at_once: int) -> Iterator[tuple[str, psutil.Process]]:
    """The lab in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "dalab", "lab", "--no-show", "--port", str(port),
               "--at-once", str(at_once)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL,
                              env={**os.environ, "PYTHONPATH": str(ROOT), "DALAB_RUNS": "none"})
    try:
        until(lambda: listening(port) or server.poll() is not None)
        if server.poll() is not None:
            sys.exit("The lab could not be served.")
        yield f"http://localhost:{port}/", psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait(30)


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("localhost", port)) == 0


def opened(browser: Browser, url: str, complaints: list[str]) -> Page:
    """The page for somebody new, once it can be used."""
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
    page.goto(url, wait_until="commit")
    page.wait_for_function(READY)
    return page


def press_run(page: Page) -> None:
    page.get_by_role("button", name="Run", exact=False).first.click()


def together(browser: Browser, url: str, count: int, at_once: int) -> None:
    """Pages that are open at the same time and run at the same time."""
    complaints: list[str] = []
    start = time.perf_counter()
    pages = [opened(browser, f"{url}{LONGER}&seed={seed}", complaints) for seed in range(count)]
    print(f"{count} pages are open after {time.perf_counter() - start:.0f} s", flush=True)
    for page in pages:
        press_run(page)
        page.wait_for_selector(".lab-status:not([data-state=idle])")
    ended, most = [], 0
    while len(ended) < count:
        states = [page.locator(".lab-status").get_attribute("data-state") for page in pages]
        most = max(most, states.count("waiting"))
        ended += [i for i, state in enumerate(states) if state == "done" and i not in ended]
        if "failed" in states:
            sys.exit(f"A run failed: {states}")
    late = max(abs(place - seed) for place, seed in enumerate(ended))
    print(f"all have run after {time.perf_counter() - start:.0f} s, up to {most} waited at a time; "
          f"farthest from its place in line: {late} (bar: {at_once}, as many are at work at once); "
          f"complaints: {complaints or 'none'} (bar: none)", flush=True)
    for page in pages:
        page.context.close()


def leak(browser: Browser, url: str, server: psutil.Process, cycles: int) -> None:
    """Pages that are opened, run and closed, one after the other."""
    complaints: list[str] = []
    before = rest(server)
    for cycle in range(WARM + cycles):
        if cycle == WARM:
            before = rest(server)
        page = opened(browser, f"{url}{SHORT}&seed={cycle}", complaints)
        press_run(page)
        page.wait_for_selector(".lab-status[data-state=done]")
        page.context.close()
        if cycle % 5 == 0:
            print(f"cycle {cycle}: {server.memory_info().rss / 1e6:.0f} MB", flush=True)
    after = rest(server)
    memory, threads = (late - early for late, early in zip(after, before, strict=True))
    print(f"{cycles} pages opened, run and closed leave {memory / 1e6:.0f} MB (bar: under 100) and "
          f"{threads} threads (bar: 0); complaints: {complaints or 'none'} (bar: none)", flush=True)


def rest(server: psutil.Process) -> tuple[int, int]:
    """Memory [bytes] and threads of the server when nobody is there."""
    time.sleep(GONE)
    return server.memory_info().rss, server.num_threads()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE / 1000
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {PATIENCE / 1000:.0f} s")
        time.sleep(0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cycles", type=int, default=50)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--at-once", type=int, default=3)
    options = parser.parse_args()
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        sys.exit("Chromium is needed: sudo apt-get install chromium")
    with sync_playwright() as playwright, served(options.at_once) as (url, server):
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        leak(browser, url, server, options.cycles)
        together(browser, url, options.sessions, options.at_once)
        browser.close()


if __name__ == "__main__":
    main()
