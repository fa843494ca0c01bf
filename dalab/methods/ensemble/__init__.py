"""Ensemble Kalman and particle filters."""
