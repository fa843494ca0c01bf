"""The gallery in a real browser."""

from __future__ import annotations

import re

import pytest

from .conftest import served

pytestmark = [pytest.mark.browser, pytest.mark.lab, pytest.mark.slow]

READY = ".verdict[data-state=done]"


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """Where the gallery is served, by a process of its own."""
    with served("gallery", tmp_path_factory.mktemp("gallery")) as url:
        yield url


def test_choose_an_exhibit_and_a_setting(chromium, gallery):
    context = chromium.new_context(viewport={"width": 1280, "height": 860})
    page = context.new_page()
    page.set_default_timeout(120_000)
    complaints = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{gallery}?exhibit=nudging")
    page.wait_for_selector(READY)
    assert page.get_by_role("heading", name="A nudging in disguise").is_visible()
    assert page.locator(".bk-Figure").count() == 2

    page.get_by_label(re.compile("Inflated where nothing is seen")).check()
    page.get_by_role("heading", name="Inflated where nothing is seen").wait_for()
    page.wait_for_selector(READY)
    page.get_by_label("Filter", exact=True).select_option(label="EnSF, paired")
    page.wait_for_selector(".verdict[data-state=busy]")
    page.wait_for_selector(READY)
    assert "exhibit=gaps" in page.url, "the address can be shared"
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    context.close()
    assert complaints == []
