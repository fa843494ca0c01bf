"""The notebook widget, built on ipywidgets."""
