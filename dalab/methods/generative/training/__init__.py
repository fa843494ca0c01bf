"""Training of the networks of the score filters, from recipes."""
