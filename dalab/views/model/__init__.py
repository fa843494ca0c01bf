"""View-models: choices, runs and display state as ``param`` objects, without a toolkit."""
