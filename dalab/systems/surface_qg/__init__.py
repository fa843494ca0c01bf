"""Surface quasi-geostrophic flow: the system, its solver and its initial states."""

from .system import SurfaceQG, sqg64

__all__ = ["SurfaceQG", "sqg64"]
