"""DAISI: data assimilation by inverse sampling along a stochastic interpolant."""
