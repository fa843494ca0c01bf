"""The web app, built on Panel."""
