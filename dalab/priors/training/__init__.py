"""Training: from a recipe to the file of a trained prior."""
