"""A number that walks at random."""
