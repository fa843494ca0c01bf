"""The Panel skin: one screen, fed by the view-model ten times a second."""

from __future__ import annotations

import panel as pn

from ..model.url import linked, usual
from .components.share_bar import share_bar
from .components.tour import Tour
from .pages.pages import Pages
from .reconnect import BACK
from .sidebar import KEY, sidebar
from .template import address, follow, prepare, template


def create_app(**presets: object) -> pn.Template:
    """The lab as a page of its own; every call makes an independent session.

    Args:
        presets: fields of :class:`dalab.experiments.config.Config` to start with.

    Raises:
        InputError: for a preset that names nothing or is out of its bounds.
    """
    prepare()
    said = address()
    keys = [*said.pop(BACK, []), *said.get(KEY, [])]
    model = linked(presets, said)
    for key in keys:
        if model.come_back(key):
            break
    pages = Pages(model)
    follow("dalab", model.session.key, pages.tick, model.close)
    return template(
        "page.html", header=pages.header, tour=Tour(model), share=share_bar(model, usual(presets)),
        controls=sidebar(model), desk=pages.layout,
    )
