"""Gallery of filters on the smallest problems on which they are wrong, with exact answers."""
