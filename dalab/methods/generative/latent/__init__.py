"""Filters whose analysis is done in a latent space that is learnt from the climate of the model."""
