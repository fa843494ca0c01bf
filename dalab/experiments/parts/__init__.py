"""Parts of an experiment, and what they have to be."""
