"""The gallery as a page for this machine: ``panel serve apps/gallery.py --show``."""

from dalab.views.panel.access.unguarded import local_page
from dalab.views.panel.pages.gallery import create_gallery

local_page(create_gallery).servable()
