"""How long a person waits for the Panel app: real clicks in a real Chromium.

Bars, on two CPU cores: page ready under 3 s, first live picture under 2 s after Run, at least 4
pictures a second while sampling where the method allows, Stop effective in under 1 s, and every
control answered in under 150 ms while a run goes on.

    python benchmarks/ui_latency.py [--rounds 3] [--members 8]

With ``--cycles 500`` the same is measured of a cycled run of that length on Lorenz-96, whose
control is the view of the estimates.

With ``--url``, once or several times, labs that are served already are measured instead, in turn:
two versions side by side on the same load.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

BARS = {
    "page ready [s]": "under 3", "Run to first picture [s]": "under 2",
    "pictures per second": "at least 4", "Stop [s]": "under 1",
}

SOURCE = """name => Array.from(Bokeh.documents[0]._all_models.values()).find(m => m.name == name)"""

READY = """() => {
  const page = window.Bokeh && Bokeh.documents[0]
  return page && page.is_idle
    && Array.from(page._all_models.values()).some(m => m.name == 'map truth')
}"""

# time of every new picture on the map of the first method, by the browser's clock
WATCH = f"""name => {{
  const source = ({SOURCE})(`map ${{name}}`)
  window.pictures = []
  source.properties.data.change.connect(() => {{
    if (source.data.image[0].length > 4) window.pictures.push(performance.now())
  }})
}}"""

# from a change of the day to the maps of that day, by the browser's clock
TURN = f"""day => new Promise(resolve => {{
  const source = ({SOURCE})('map truth')
  const slider = Array.from(Bokeh.documents[0]._all_models.values()).find(
    m => m.type && m.type.endsWith('Slider') && m.end == 8)
  const start = performance.now()
  const seen = () => {{
    source.properties.data.change.disconnect(seen)
    resolve(performance.now() - start)
  }}
  source.properties.data.change.connect(seen)
  slider.value = day
}})"""


# from a change of the view to the colours of that view on the map
VIEW = f"""view => new Promise(resolve => {{
  const models = Array.from(Bokeh.documents[0]._all_models.values())
  const source = ({SOURCE})('map etkf')
  const mapper = models.find(m => m.data_source === source && m.glyph.color_mapper)
    .glyph.color_mapper
  const select = models.find(m => m.options && String(m.options).includes('spread'))
  const start = performance.now()
  const seen = () => {{
    mapper.properties.palette.change.disconnect(seen)
    resolve(performance.now() - start)
  }}
  mapper.properties.palette.change.connect(seen)
  window.waiting = resolve  // browsers forget promises that nothing refers to
  select.value = view
}})"""

RING = "?system=lorenz96&operators=identity&masks=full&methods=etkf&noise=0.3&cycles={}&members={}"
"""A cycled experiment of one quick filter."""


@contextmanager
def served() -> Iterator[str]:
    """The app in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "panel", "serve", str(ROOT / "apps" / "lab.py"),
               "--port", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=ROOT,
                              env={**os.environ, "PYTHONPATH": str(ROOT), "DALAB_RUNS": "none"})
    url = f"http://localhost:{port}/lab"
    while server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=60)
            break
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    try:
        yield url
    finally:
        server.terminate()
        server.wait(20)


def open_page(browser: Browser, url: str) -> tuple[Page, float]:
    """A fresh session, and the seconds until it can be used."""
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    start = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.wait_for_function(READY)
    return page, time.perf_counter() - start


def state(page: Page, name: str) -> None:
    page.wait_for_selector(f".lab-status[data-state={name}]", timeout=120_000)


def first_picture(page: Page, method: str = "spectral") -> float:
    """Press Run; seconds to the first picture of a method."""
    page.evaluate(WATCH, method)
    start = page.evaluate("() => performance.now()")
    page.get_by_role("button", name="Run").click()
    page.wait_for_function("() => window.pictures.length > 0", timeout=60_000, polling=20)
    return (page.evaluate("() => window.pictures[0]") - start) / 1000


def control_times(page: Page, turns: int) -> list[float]:
    """Milliseconds from a change of the day to its maps, one after the other."""
    return [page.evaluate(TURN, (4 + i) % 9) for i in range(1, turns + 1)]


def pictures_per_second(page: Page, seconds: float) -> float:
    """Pictures of the sampling method that arrive in a while."""
    before = page.evaluate("() => window.pictures.length")
    page.wait_for_timeout(1000 * seconds)
    return (page.evaluate("() => window.pictures.length") - before) / seconds


def stop(page: Page) -> float:
    """Seconds from a click on Stop to a lab that has stopped and can run again."""
    start = time.perf_counter()
    page.get_by_role("button", name="Stop").click()
    state(page, "cancelled")
    return time.perf_counter() - start


def one_round(browser: Browser, url: str, members: int) -> dict[str, float | list[float]]:
    page, ready = open_page(browser, url)
    page.get_by_role("textbox", name="Members", exact=True).fill(str(members))
    steps = page.get_by_role("textbox", name="Sampling steps", exact=True)
    steps.fill("1000")
    steps.press("Enter")
    page.wait_for_timeout(3000)
    found = {
        "page ready [s]": ready, "Run to first picture [s]": first_picture(page),
        "pictures per second": pictures_per_second(page, 4.0),
        "control [ms]": control_times(page, 40), "Stop [s]": stop(page),
    }
    page.context.close()
    return found


def cycled_round(
    browser: Browser, url: str, cycles: int, members: int
) -> dict[str, float | list[float]]:
    """Pictures of a whole run, then controls and Stop while a longer one goes on."""
    page, ready = open_page(browser, url + RING.format(cycles, members))
    page.wait_for_timeout(3000)
    found: dict[str, float | list[float]] = {
        "page ready [s]": ready, "Run to first picture [s]": first_picture(page, "etkf"),
    }
    state(page, "done")
    times = page.evaluate("() => window.pictures")
    found["pictures per second"] = (len(times) - 1) / (times[-1] - times[0]) * 1000
    field = page.get_by_role("textbox", name="Cycles", exact=True)
    field.fill(str(100 * cycles))
    field.press("Enter")
    page.get_by_role("button", name="Continue").click()
    state(page, "running")
    page.wait_for_timeout(1000)
    found["control [ms]"] = [page.evaluate(VIEW, v) for _ in range(15) for v in ("spread", "mean")]
    found["Stop [s]"] = stop(page)
    page.context.close()
    return found


def report(rounds: list[dict[str, float | list[float]]]) -> None:
    """The medians, their spread over the rounds, and the bars."""
    for name, bar in BARS.items():
        values = [found[name] for found in rounds]
        spread = f"({min(values):.2f} to {max(values):.2f})"
        print(f"{name:28} {statistics.median(values):6.2f}   {spread:18} bar: {bar}")
    times = sorted(t for found in rounds for t in found["control [ms]"])
    at = {share: times[min(int(share * len(times)), len(times) - 1)] for share in (0.5, 0.95, 0.99)}
    shares = "   ".join(f"{share:.0%}: {t:.0f}" for share, t in at.items())
    print(f"control while running [ms]   {shares}   bar: under 150")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", action="append", help="of a lab that is served already")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--members", type=int, default=8)
    parser.add_argument("--cycles", type=int, help="of a cycled run, instead of a window")
    options = parser.parse_args()
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        sys.exit("Chromium is needed: sudo apt-get install chromium")
    with sync_playwright() as playwright, ExitStack() as stack:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        found = {url: [] for url in options.url or [stack.enter_context(served())]}
        for _ in range(options.rounds):
            for url, rounds in found.items():
                if options.cycles:
                    rounds.append(cycled_round(browser, url, options.cycles, options.members))
                else:
                    rounds.append(one_round(browser, url, options.members))
        browser.close()
    for url, rounds in found.items():
        print(url)
        report(rounds)


if __name__ == "__main__":
    main()
