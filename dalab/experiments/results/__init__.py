"""Results: their contents, CF metadata, files and diagnostics."""
