"""Fields, axes, styles and words as data, for every toolkit."""
