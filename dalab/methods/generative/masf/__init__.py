"""MASF: a score filter that diffuses the state into its own measurement."""
