"""The lab as a page: ``panel serve apps/lab.py --show``, or ``dalab lab``."""

from dalab.views.panel.app import create_app

create_app().servable()
