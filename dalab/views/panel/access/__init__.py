"""Access to the served pages: names of the host, routes, sessions and users."""
