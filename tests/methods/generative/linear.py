"""Exact response of a sampler that is linear, as those with Gaussian scores are."""

from __future__ import annotations

import torch


class Impulses:
    """Streams in which each member has one normal number that is one, and zeros otherwise.

    Args:
        calls: number of draws that the sampler makes.
        d: numbers in a state.
        more: further members, which have none.
    """

    def __init__(self, calls, d, more):
        self.calls, self.d, self.more, self.made = calls, d, more, 0

    def __len__(self):
        return self.calls * self.d + self.more

    def normal(self, shape):
        drawn = torch.zeros(len(self), self.d, dtype=torch.float64)
        drawn[self.made * self.d + torch.arange(self.d), torch.arange(self.d)] = 1.0
        self.made += 1
        return drawn.reshape(len(self), *shape)


def law(sample, calls, mean, covariance):
    """Mean and covariance of what a linear sampler makes of forecasts N(mean, covariance).

    Args:
        sample: from forecasts ``(N, 1, 1, d)`` and streams to members.
        calls: number of draws that it makes.
        mean: ``(d,)``.
        covariance: ``(d, d)``.
    """
    d = len(mean)
    streams = Impulses(calls, d, d + 1)
    forecasts = mean.expand(len(streams), d).clone()
    forecasts[-d - 1 : -1] += torch.linalg.cholesky(covariance).T
    found = sample(forecasts.reshape(-1, 1, 1, d), streams).reshape(-1, d)
    assert streams.made == calls
    columns = found[:-1] - found[-1]
    return found[-1], columns.T @ columns


def ensemble(covariance, mean=None):
    """Members with exactly this mean and covariance, ``(d + 1, 1, 1, d)``."""
    d = len(covariance)
    normal = torch.eye(d + 1, dtype=torch.float64)
    normal = normal - normal.mean(0)
    values, vectors = torch.linalg.eigh(normal.T @ normal)
    white = (normal @ vectors[:, 1:]) / values[1:].sqrt() * d**0.5
    x = white @ torch.linalg.cholesky(covariance).T
    return (x if mean is None else x + mean).reshape(-1, 1, 1, d)
