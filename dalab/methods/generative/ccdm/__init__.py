"""CCDM: a conditional diffusion whose score is known in closed form, from forecasts alone."""
