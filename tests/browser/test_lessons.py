"""The lessons in a real browser."""

from __future__ import annotations

import pytest

from .access import FAINT, FOCUSED, UNNAMED
from .conftest import served
from .page import BREAK, BROKEN, SOCKETS

pytestmark = [pytest.mark.browser, pytest.mark.lab, pytest.mark.slow]

LENGTH = """name => {
  const found = Array.from(Bokeh.documents[0]._all_models.values()).filter(m => m.name == name)
  return found.length == 1 ? found[0].data.x.length : -1
}"""
"""How many points a curve has."""


@pytest.fixture(scope="module")
def lessons(tmp_path_factory):
    """Where the lessons are served, by a process of its own."""
    with served("teach", tmp_path_factory.mktemp("teach")) as url:
        yield url


@pytest.fixture
def page(chromium, lessons):
    """The lessons in a fresh session; the test fails if the console has errors."""
    complaints = []
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.add_init_script(SOCKETS)
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(lessons, wait_until="commit")
    page.wait_for_function(f"window.Bokeh && Bokeh.documents[0] && ({LENGTH})('seen 0') > 0")
    yield page
    context.close()
    assert [complaint for complaint in complaints if complaint != BROKEN] == []


def points(page, name):
    return page.evaluate(LENGTH, name)


def test_fail_ask_and_succeed(page):
    assert points(page, "seen 0") == 10 and points(page, "estimate 0") == 0
    page.get_by_role("button", name="Run").click()
    page.wait_for_selector(".verdict[data-state=failed]")
    page.wait_for_function(f"({LENGTH})('estimate 2') == 40")
    assert points(page, "truth 0") == 0, "the truth is hidden"
    page.get_by_label("Hint", exact=True).check()
    page.wait_for_selector(".hint")
    page.get_by_label("Exact answer", exact=True).check()
    page.wait_for_function(f"({LENGTH})('exact 0') == 40")

    page.get_by_label("Assumed noise", exact=True).select_option("0.5")
    page.get_by_role("button", name="Run").click()
    page.wait_for_selector(".verdict[data-state=passed]")
    page.wait_for_function(f"({LENGTH})('truth 0') == 40")
    assert "spread / skill" in page.locator(".verdict").inner_text()
    page.get_by_text("★").first.wait_for()
    page.get_by_role("heading", name="Why").wait_for()


def background(page):
    return page.evaluate("() => getComputedStyle(document.body).backgroundColor")


def test_the_theme_is_switched_and_everything_can_be_read_in_both(page):
    light = background(page)
    assert page.evaluate(FAINT) == []
    page.get_by_role("button", name="Dark theme").click()
    assert background(page) != light
    page.get_by_label("Hint", exact=True).check()
    page.wait_for_selector(".hint")
    assert page.evaluate(FAINT) == []


def test_everything_has_a_name_and_the_keyboard_reaches_it(page):
    page.get_by_role("button", name="Dark theme").focus()
    page.keyboard.press("Tab")
    assert page.evaluate(UNNAMED) == []
    page.keyboard.press("Shift+Tab")
    met = []
    for _ in range(40):
        at = page.evaluate(FOCUSED)
        if at["body"] or at["name"] in met:
            break
        assert at["name"] and at["marked"], f"{at} after {met[-3:]}"
        met.append(at["name"])
        page.keyboard.press("Tab")
    for word in ("Dark theme", "The instrument that lied", "Assumed noise", "Run", "Hint"):
        assert any(word in name for name in met), met


def test_every_lesson_opens_with_its_readings(page):
    for number, title in enumerate(("Blinkers", "The stroboscope", "Guidance with a heavy hand",
                                    "The last particle", "Errors that double"), start=2):
        page.get_by_label(f"{number}. {title}").check()
        page.get_by_role("heading", name=title).wait_for()
        page.wait_for_selector(".verdict[data-state=idle]")
        page.wait_for_function(f"({LENGTH})('seen 0') > 0")
        assert points(page, "estimate 0") == 0 and points(page, "truth 0") == 0


def test_a_page_that_loses_its_connection_comes_back_to_its_lesson_and_its_stars(page):
    page.get_by_label("Assumed noise", exact=True).select_option("0.5")
    page.get_by_role("button", name="Run").click()
    page.get_by_text("★").first.wait_for()
    page.get_by_label("2. Blinkers").check()
    page.get_by_role("heading", name="Blinkers").wait_for()
    page.wait_for_url("**lesson=localisation*")
    page.get_by_label("Hint", exact=True).check()
    page.wait_for_selector(".hint")
    with page.expect_navigation():
        page.evaluate(BREAK)
    page.get_by_role("heading", name="Blinkers").wait_for()
    page.wait_for_selector(".hint")
    page.get_by_label("1. The instrument that lied ★").wait_for()
    assert "back=" not in page.url
    page.get_by_role("button", name="Run").click()
    page.wait_for_selector(".verdict[data-state=failed]")
