"""Toolkit-free outputs: PNG, GIF, HTML and HoloViews."""
