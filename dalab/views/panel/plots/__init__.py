"""Live Bokeh figures."""
