"""View-models of the pages for teaching: lessons to solve, and a gallery to look at."""
