"""Networks of the score filters: trained on the climate, tuned to the forecasts of an analysis."""
