"""Tabs, theme, window and keyboard of the Panel app in a real browser."""

import pytest

from .access import FAINT, FOCUSED, UNNAMED
from .test_lab import drawn, quick

pytestmark = [pytest.mark.browser, pytest.mark.lab, pytest.mark.slow]


def tab(lab, name):
    lab.page.get_by_role("tab", name=name).click()


def background(lab):
    return lab.page.evaluate("() => getComputedStyle(document.body).backgroundColor")


def frame(lab):
    """Width of the frame of the truth's map."""
    return lab.page.evaluate("""() => Array.from(Bokeh.documents[0]._all_models.values())
      .find(m => m.type == 'Figure' && m.renderers.some(
        r => r.data_source && r.data_source.name == 'map truth')).frame_width""")


def fits(lab):
    """Whether the main area has nothing to scroll."""
    return lab.page.evaluate("""() => {
      const main = document.querySelector('.lab-main')
      return main.scrollHeight <= main.clientHeight && main.scrollWidth <= main.clientWidth
    }""")


def test_every_page_says_what_it_is_for_and_fills_after_a_run(lab):
    lab.choose("System", "lorenz96")
    quick(lab, methods=("oi",), steps="4")
    for name in ("Posterior", "Physics"):
        tab(lab, name)
        lab.page.get_by_text("once a run is done").wait_for()
    lab.press("Run")
    lab.wait_state("done")
    tab(lab, "Posterior")
    lab.wait(lambda: lab.charted("Rank of the truth among the members"), "the rank histogram")
    assert lab.charted("Coverage of central intervals") and lab.charted("Spectra")
    lab.wait(lambda: drawn(lab.image("gallery 2")), "a member")
    tab(lab, "Physics")
    lab.wait(lambda: lab.charted("One-step model residual"), "the residual")
    tab(lab, "Assimilate")
    lab.wait(lambda: drawn(lab.image("oi")), "the first page again")


def test_the_theme_is_switched_at_once_and_remembered(lab):
    light, before = background(lab), lab.pixels(5)
    lab.press("Dark theme")
    assert background(lab) != light
    lab.wait(lambda: lab.repainted(5, [before]), "curves on the dark ground")
    url = lab.page.url
    lab.open(url)
    assert lab.page.evaluate("() => document.documentElement.dataset.theme") == "dark"
    lab.press("Light theme")
    assert background(lab) == light


def test_the_page_fits_its_window_and_grows_with_it(lab):
    lab.wait(lambda: drawn(lab.image("truth")), "the truth")
    assert fits(lab), "nothing to scroll at 1280 x 800"
    size = frame(lab)
    lab.page.set_viewport_size({"width": 1920, "height": 1080})
    lab.wait(lambda: frame(lab) > 1.3 * size, "larger maps")
    lab.page.set_viewport_size({"width": 1280, "height": 800})
    lab.wait(lambda: frame(lab) == size, "the first size")
    lab.wait(lambda: fits(lab), "a table as narrow as its window")


def test_everything_has_a_name(lab):
    lab.press("Method options")
    lab.press("Operator options")
    lab.page.get_by_role("textbox", name="slope", exact=True).first.wait_for()
    for name in ("Posterior", "Physics", "Sensors", "Runs", "Assimilate"):
        tab(lab, name)
        lab.page.locator(f"[role=tab][aria-selected=true]:text-is('{name}')").wait_for()
        lab.page.keyboard.press("Tab")
        assert lab.page.evaluate(UNNAMED) == []


def test_all_text_can_be_read_in_both_themes(lab):
    for theme in ("Dark theme", "Light theme"):
        lab.press(theme)
        for name in ("Posterior", "Physics", "Sensors", "Runs", "Assimilate"):
            tab(lab, name)
            lab.page.locator(f"[role=tab][aria-selected=true]:text-is('{name}')").wait_for()
            assert lab.page.evaluate(FAINT) == [], (theme, name)


def test_the_tool_in_hand_is_the_pressed_button(lab):
    tab(lab, "Sensors")
    tool = lab.page.get_by_role("button", name="lasso", exact=True)
    tool.wait_for()
    lab.page.keyboard.press("Tab")
    assert tool.get_attribute("aria-pressed") == "false"
    tool.click()
    lab.page.get_by_role("button", name="lasso", exact=True, pressed=True).wait_for()
    lab.page.get_by_role("button", name="brush", exact=True, pressed=False).wait_for()
    assert lab.page.get_by_role("button", name="Run", exact=False, pressed=True).count() == 0


def test_an_empty_page_offers_to_run(lab):
    lab.choose("System", "lorenz96")
    quick(lab, methods=("oi",), steps="4")
    tab(lab, "Physics")
    lab.page.get_by_text("Model residual").wait_for()
    lab.press("Start now")
    lab.wait(lambda: lab.charted("One-step model residual"), "the residual")


def test_the_tour_leads_through_the_pages_and_ends(lab):
    lab.press("Tour")
    card = lab.page.get_by_role("dialog", name="Tour")
    seen = []
    while card.is_visible():
        seen.append(card.get_by_role("heading").inner_text())
        assert len(seen) < 20
        assert lab.page.locator("[data-toured]").count() == 1
        card.get_by_role("button", name="Next").or_(card.get_by_role("button", name="Done")).click()
    lab.page.locator("[role=tab][aria-selected=true]:text-is('Runs')").wait_for()
    assert len(set(seen)) == 7 and lab.page.locator("[data-toured]").count() == 0
    assert lab.page.evaluate(FOCUSED)["name"] == "Tour"
    lab.press("Tour")
    lab.page.keyboard.press("Escape")
    card.wait_for(state="hidden")


def test_the_keyboard_reaches_everything_and_shows_where_it_is(lab):
    lab.wait(lambda: drawn(lab.image("truth")), "the truth")
    lab.page.get_by_role("tab", name="Assimilate").focus()
    met = ["Assimilate"]
    for _ in range(120):
        lab.page.keyboard.press("Tab")
        at = lab.page.evaluate(FOCUSED)
        if at["body"] or at["name"] == met[0]:
            break
        assert at["name"], f"after {met[-3:]}"
        assert at["marked"], f"{at} shows no focus"
        met.append(at["name"])
    wanted = {"Assimilate", "Dark theme", "Run", "System", "arctan", "Where", "Every (days)",
              "Diffusion", "Field", "Layer", "Estimates"}
    reached = {word for word in wanted if any(word in name for name in met)}
    assert reached == wanted, met


def test_tabs_are_turned_by_the_arrow_keys(lab):
    first = lab.page.get_by_role("tab", name="Assimilate")
    first.focus()
    first.press("ArrowRight")
    lab.page.get_by_text("once a run is done").wait_for()
    assert lab.page.evaluate(FOCUSED)["name"] == "Posterior"
