"""The tour: a card that leads through the page in two minutes, from a button in the header."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import param
from panel.custom import JSComponent

from ...model.lab import LabModel


class Stop(NamedTuple):
    """One stop of the tour.

    Attributes:
        page: the page that is brought to the front.
        area: what is outlined, ``side``, ``main`` or ``header``.
        title: what to do.
        text: what to press, and what to look at.
    """

    page: str
    area: str
    title: str
    text: str


STOPS = (
    Stop("Assimilate", "side", "Choose how the flow is observed",
         "Operators say what the sensors measure, a mask says where. Change the noise or the "
         "share of cells: the first two maps show the truth and all that is seen of it."),
    Stop("Assimilate", "main", "Press Run, and watch it form",
         "Every method fills a map of its own, in its own colour. The curves are its error on "
         "every day; dots are its spread. Stop keeps what there is."),
    Stop("Assimilate", "main", "Look around",
         "Day, Layer and Estimates change all maps at once: try spread and error. Drag a "
         "rectangle on a map to enlarge it. Replay goes back through the diffusion. The table is "
         "sorted by a click."),
    Stop("Posterior", "main", "Does it know its own error?",
         "Flat rank histograms, coverage on the diagonal and a spread / skill near 1 say that "
         "the members might be the truth."),
    Stop("Physics", "main", "Is it a trajectory?",
         "The residual tells how far a member is from where the model would take it. Energy and "
         "enstrophy tell whether it is too smooth."),
    Stop("Sensors", "main", "Paint the network",
         "Add and erase sensors with brush, track, box or lasso; the next run uses them. Show "
         "value asks the posterior where one more sensor helps most."),
    Stop("Runs", "header", "Keep and share",
         "Runs can be shown again, compared and downloaded. Share copies a link, a script or a "
         "command that gives the same numbers. Open takes a file of yours."),
)


class Tour(JSComponent):
    """The button and the card.

    Args:
        model: whose pages are led through.
    """

    page = param.String(doc="name of the page in front")
    stops = param.List([stop._asdict() for stop in STOPS], doc="in their order")

    _esm = Path(__file__).with_name("tour.js")
    _stylesheets = [Path(__file__).with_name("tour.css")]

    def __init__(self, model: LabModel, **keywords: Any) -> None:
        super().__init__(page=model.page, margin=0, **keywords)
        self.link(model, bidirectional=True, page="page")
