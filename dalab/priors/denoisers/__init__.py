"""Denoisers and their parts."""
