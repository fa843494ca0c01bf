"""How long a bystander waits for a control while others run and one sends hostile files.

Bar: with 20 pages, 3 runs and one page that feeds hostile files, nobody waits longer than 1 s for a
control. Controls are the day of the maps, and the noise, whose answer is a new map of observations
that is computed first.

    python benchmarks/many_pages.py [--pages 20] [--runs 3] [--seconds 60] [--previews 0]

With ``--previews 4`` as many pages ask for truths of the largest flow besides, again and again.
Real pages in a real Chromium, on the same machine as the server.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page, sync_playwright
from sessions import opened, press_run, served
from ui_latency import FLAGS, ROOT, SOURCE, TURN

LONG = "?members=8&steps=1000&methods=spectral"
BYSTANDER = "?prior=gaussian&methods=oi&members=2"
HEAVY = "?system=qg256&truth=model-fine&prior=gaussian&methods=oi&members=1"
SHEET = "components/dalab.views.panel.components.header/Header/_stylesheets/header.css"
TURNS, PAUSE = 4, 100
"""Changes of the day on a page before its noise, and the time between two controls [ms]."""

# from a change of the noise to the observations with it, by the browser's clock
NOISE = f"""noise => new Promise(resolve => {{
  const source = ({SOURCE})('map observations')
  const field = Array.from(Bokeh.documents[0]._all_models.values()).find(
    m => (m.title || m.label || m.name) == 'Noise std' && 'value' in m)
  const start = performance.now()
  const seen = () => {{
    source.properties.data.change.disconnect(seen)
    resolve(performance.now() - start)
  }}
  source.properties.data.change.connect(seen)
  window.waiting = resolve  // browsers forget promises that nothing refers to
  field.value = noise
}})"""


def hostile_files(folder: Path) -> Iterator[Path]:
    """Files of the tests of attacks that a page takes, over and over."""
    sys.path.insert(0, str(ROOT))
    from tests.foreign import hostile

    paths = []
    for make in (*hostile.QUICK, *hostile.SLOW):
        path = folder / f"{make.__name__}{make.suffix}"
        if make.suffix == ".nc":
            make(path)
            paths.append(path)
    return itertools.cycle(paths)


def disturb(page: Page, files: Iterator[Path]) -> None:
    """Send the next hostile file."""
    page.locator("input[type=file]").set_input_files(next(files))


def change_truth(page: Page, seeds: Iterator[int]) -> None:
    """Ask for another truth of a large flow."""
    field = page.get_by_role("textbox", name="Seed", exact=True)
    field.fill(str(next(seeds)))
    field.press("Enter")


def measure(
    bystanders: list[Page], hostile: Page, heavy: list[Page], seconds: float, sheet: str,
    folder: Path,
) -> dict[str, list[float]]:
    """Times of controls [ms], by kind."""
    found: dict[str, list[float]] = {"day": [], "noise": [], "request": []}
    files, seeds = hostile_files(folder), itertools.count(1)
    end = time.monotonic() + seconds
    for number, page in enumerate(itertools.cycle(bystanders)):
        if time.monotonic() > end:
            return found
        disturb(hostile, files)
        for other in heavy:
            change_truth(other, seeds)
        for turn in range(TURNS):
            found["day"].append(page.evaluate(TURN, (turn + number) % 4 + 5 * (turn % 2)))
            found["request"].append(request_time(sheet))
            page.wait_for_timeout(PAUSE)
        found["noise"].append(page.evaluate(NOISE, 0.1 + 0.01 * (number + 1)))
    return found


def request_time(url: str) -> float:
    """Milliseconds for the answer to the smallest request: the delay of the event loop."""
    start = time.perf_counter()
    urllib.request.urlopen(url, timeout=60).read()
    return 1000 * (time.perf_counter() - start)


def report(found: dict[str, list[float]]) -> None:
    for kind, times in found.items():
        times.sort()
        high = times[min(int(0.95 * len(times)), len(times) - 1)]
        print(f"{kind:8} {len(times):4} times: median {statistics.median(times):5.0f} ms, "
              f"95 % {high:5.0f} ms, longest {times[-1]:5.0f} ms", flush=True)


def many_pages(
    browser: Browser, url: str, server: psutil.Process, options: argparse.Namespace
) -> None:
    complaints: list[str] = []
    pages = [
        opened(browser, url + (LONG if i < options.runs else HEAVY if i < options.runs
                               + options.previews else BYSTANDER) + f"&seed={i}", complaints)
        for i in range(options.pages)
    ]
    running, heavy = pages[: options.runs], pages[options.runs :][: options.previews]
    bystanders = pages[options.runs + options.previews :][:6]
    print(f"{len(pages)} pages are open, load {psutil.getloadavg()[0]:.1f}", flush=True)
    report(measure_quiet(bystanders, url + SHEET))
    for page in running:
        press_run(page)
        page.wait_for_selector(".lab-status[data-state=running]")
    with tempfile.TemporaryDirectory() as folder:
        found = measure(bystanders, running[-1], heavy, options.seconds, url + SHEET, Path(folder))
    print(f"{options.runs} runs, hostile files and {options.previews} pages with heavy truths, "
          f"load {psutil.getloadavg()[0]:.1f}, memory of the server "
          f"{server.memory_info().rss / 1e6:.0f} MB (bar: longest under 1000 ms)", flush=True)
    report(found)
    states = [page.locator(".lab-status").get_attribute("data-state") for page in running]
    print(f"the runs are {', '.join(map(str, states))}; complaints: {complaints or 'none'}")


def measure_quiet(bystanders: list[Page], sheet: str) -> dict[str, list[float]]:
    """Times of controls while nobody does anything else."""
    found: dict[str, list[float]] = {"day": [], "noise": [], "request": []}
    for number, page in enumerate(bystanders):
        found["day"] += [page.evaluate(TURN, day) for day in (5, 6, 7)]
        found["noise"].append(page.evaluate(NOISE, 0.2 + 0.01 * number))
        found["request"].append(request_time(sheet))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--previews", type=int, default=0, help="pages that ask for heavy truths")
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        sys.exit("Chromium is needed: sudo apt-get install chromium")
    with sync_playwright() as playwright, served(options.runs) as (url, server):
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        many_pages(browser, url, server, options)
        browser.close()


if __name__ == "__main__":
    main()
