"""Scenarios for teaching."""
