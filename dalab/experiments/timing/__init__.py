"""Run times of methods: guesses, measurements, and the time left of a run."""
