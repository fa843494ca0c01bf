"""Custom components, each with its script and style sheet."""
