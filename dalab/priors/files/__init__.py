"""Files of priors."""
