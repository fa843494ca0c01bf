"""Generative filters: each analysis is a sampler in pseudo-time."""
