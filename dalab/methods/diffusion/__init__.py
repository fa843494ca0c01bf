"""Window posteriors by diffusion posterior sampling."""
