"""Cycled experiments: forecasts and analyses in turn, for as long as wanted."""
