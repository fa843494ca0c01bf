"""The lab as a person with a mouse sees it, and a look at the data behind its pictures."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

SECONDS = 90
"""Patience: correctness tests must pass on a busy machine too."""

READY = """() => {
  const page = window.Bokeh && Bokeh.documents[0]
  return page && page.is_idle
    && Array.from(page._all_models.values()).some(m => m.name == 'map truth')
}"""

SOCKETS = """
window.sockets = []
window.WebSocket = class extends WebSocket {
  constructor(...address) { super(...address); sockets.push(this) }
}
"""
"""Script that lets a test find the connections of a page."""

BREAK = "sockets.forEach(socket => socket.close())"
"""Script that breaks them."""

BROKEN = "WebSocket is already in CLOSING or CLOSED state."
"""Message of the browser about what a page still sends by a connection that a test has broken."""

DATA = """([name, column]) => {
  const sources = Array.from(Bokeh.documents[0]._all_models.values()).filter(m => m.name == name)
  if (sources.length != 1) return null  // not there, or just being replaced
  const source = sources[0]
  const values = source.data[column]
  return Array.from(column == 'image' ? values[0] : values, v => Number.isNaN(v) ? null : v)
}"""


CHARTED = """name => Array.from(Bokeh.documents[0]._all_models.values())
  .filter(m => m.name == name).map(m => m.data.ys.length)[0]"""


class LabPage:
    """One session of the lab in the browser.

    Args:
        page: a Playwright page.
    """

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.set_default_timeout(1000 * SECONDS)
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _listen(self, message: Any) -> None:
        if message.type == "error" and message.text != BROKEN:
            self.complaints.append(message.text)

    def open(self, url: str) -> None:
        """Load the page and wait until it can be used."""
        self.page.goto(url, wait_until="commit")
        self.page.wait_for_function(READY)

    def press(self, button: str) -> None:
        self.page.get_by_role("button", name=button).click()

    def tick(self, label: str, on: bool = True) -> None:
        """Tick a box, in the group that holds it."""
        box = self.page.get_by_label(label, exact=True)
        box.wait_for(state="attached")
        group = self.page.locator("details:not([open])").filter(has=box)
        if group.count():
            group.locator("summary").click()
        box.set_checked(on)

    def choose(self, label: str, value: str) -> None:
        self.page.get_by_label(label, exact=True).select_option(value)

    def type(self, label: str, value: str) -> None:
        field = self.page.get_by_role("textbox", name=label, exact=True)
        field.fill(value)
        field.press("Enter")

    @property
    def state(self) -> str:
        """State of the run, as the status line says it."""
        return self.page.locator(".lab-status").get_attribute("data-state")

    @property
    def says(self) -> str:
        """The status line, or the error that stands in its place."""
        return self.page.locator(".lab-text").inner_text()

    def wait_state(self, *states: str) -> None:
        self.page.wait_for_selector(", ".join(f".lab-status[data-state={s}]" for s in states))

    def wait_error(self) -> str:
        """The error, once there is one."""
        self.page.wait_for_selector(".lab-status.error")
        return self.says

    def image(self, name: str) -> list[float | None] | None:
        """Values on a map, None where there is nothing."""
        return self.page.evaluate(DATA, [f"map {name}", "image"])

    def curve(self, name: str) -> list[float | None] | None:
        """The RMSE curve of a method."""
        return self.page.evaluate(DATA, [f"curve {name}", "y"])

    def charted(self, title: str) -> bool:
        """Whether a chart has curves."""
        return bool(self.page.evaluate(CHARTED, f"chart {title}"))

    def pixels(self, number: int) -> bytes:
        """A screenshot of a figure, counted from 0: truth, observations, methods, curves."""
        return self.page.locator(".bk-Figure").nth(number).screenshot()

    def repainted(self, number: int, before: list[bytes]) -> bytes | None:
        """A screenshot of a figure that is like none before; ``None`` until there is one."""
        pixels = self.pixels(number)
        return None if pixels in before else pixels

    def observed(self) -> int:
        """Number of cells that are observed on the day on show."""
        return sum(v is not None for v in self.image("observations") or [])

    def wait(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait until something is true; return it."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            value = condition()
            if value:
                return value
            self.page.wait_for_timeout(50)
        raise AssertionError(f"waited {SECONDS} s for {what}; the lab says: {self.says}")
