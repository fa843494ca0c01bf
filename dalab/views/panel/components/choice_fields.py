"""Fields for the choices of a lesson or an exhibit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import panel as pn

from ....experiments.lessons.scenario import Choice
from ..fields import STYLES


def choice_fields(
    choices: Iterable[Choice], settings: Mapping[str, Any], choose: Callable[[str, Any], None],
    width: int,
) -> list[pn.widgets.Widget]:
    """Make a field, or a slider, for each choice.

    Args:
        choices: the choices.
        settings: their values as they stand, by name.
        choose: told the name of a choice and its new value.
        width: of the fields [pixels].
    """

    def field(choice: Choice) -> pn.widgets.Widget:
        kind = pn.widgets.DiscreteSlider if choice.slider else pn.widgets.Select
        made = kind(
            label=choice.label, options={choice.format(v): v for v in choice.values},
            value=settings[choice.name], width=width, stylesheets=[STYLES],
        )
        made.param.watch(lambda event: choose(choice.name, event.new), "value")
        return made

    return [field(choice) for choice in choices]
