"""A style sheet that is written again as it was stays as it is."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.lab, pytest.mark.slow]

WRITE = """css => {
  const sheet = document.createElement("style")
  document.head.append(sheet)
  sheet.textContent = "#nothing { top: 1px }"
  const before = sheet.firstChild
  sheet.textContent = css
  const answer = [sheet.firstChild === before, sheet.textContent]
  sheet.remove()
  return answer
}"""


@pytest.mark.parametrize(("top", "kept"), [("1px", True), ("2px", False)])
def test_a_style_sheet_is_replaced_only_by_another(lab, top, kept):
    css = f"#nothing {{ top: {top} }}"
    assert lab.page.evaluate(WRITE, css) == [kept, css]
