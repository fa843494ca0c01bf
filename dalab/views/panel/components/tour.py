"""Tour of the page in two minutes, started by a button in the header."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import param
from panel.custom import JSComponent

from ...model.lab import LabModel


class Stop(NamedTuple):
    """One stop of the tour.

    Attributes:
        page: page to activate.
        area: area to outline: ``side``, ``main`` or ``header``.
        title: title of the card.
        text: instructions.
    """

    page: str
    area: str
    title: str
    text: str


STOPS = (
    Stop("Assimilate", "side", "Choose the observing network",
         "Operators define what the sensors measure, and a mask where. Change the noise or the "
         "share of cells: the first two maps show the truth and its observations."),
    Stop("Assimilate", "main", "Press Run and watch the estimates form",
         "Each method has a map and a colour of its own. The curves show its error at every step, "
         "the dotted ones its spread. Stop keeps the results so far."),
    Stop("Assimilate", "main", "Explore the result",
         "Day, Layer and Estimates change all maps at once: try spread and error. Drag a "
         "rectangle on a map to zoom in. Replay goes back through the diffusion. Click a column "
         "title to sort the table."),
    Stop("Posterior", "main", "Is the ensemble calibrated?",
         "It is if the rank histogram is flat, coverage lies on the diagonal and spread / skill "
         "is near 1: the truth could be one of the members."),
    Stop("Physics", "main", "Are the estimates trajectories?",
         "The residual is the distance of a member from the model's forecast of it. Energy and "
         "enstrophy show whether it is too smooth."),
    Stop("Sensors", "main", "Paint the network",
         "Add and erase sensors with brush, track, box or lasso; the next run uses them. Show "
         "value maps how much one more sensor would help, according to the posterior."),
    Stop("Runs", "header", "Keep and share",
         "Runs can be shown again, compared and downloaded. Share copies a link, a script or a "
         "command that reproduces the run. Open loads a file of yours."),
)


class Tour(JSComponent):
    """Button and card of the tour.

    Args:
        model: view-model of the page.
    """

    page = param.String(doc="name of the active page")
    stops = param.List([stop._asdict() for stop in STOPS], doc="stops in their order")

    _esm = Path(__file__).with_name("tour.js")
    _stylesheets = [Path(__file__).with_name("tour.css")]

    def __init__(self, model: LabModel, **keywords: Any) -> None:
        super().__init__(page=model.page, margin=0, **keywords)
        self.link(model, bidirectional=True, page="page")
