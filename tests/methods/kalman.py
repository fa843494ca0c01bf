"""Exact answers for a linear model, by dense matrices: the filter and the whole window."""

from __future__ import annotations

import torch
from torch import Tensor

from dalab.methods import Problem
from tests.dense import matrix, posterior


def first_moments(p: Problem) -> tuple[Tensor, Tensor]:
    """Mean and covariance of step 0 before the observations: the background or the climate."""
    shape = p.window[1:]
    if p.background is None:
        climate = p.prior.climatological_covariance.first()
        C = matrix(lambda x: climate(x[:, None]), shape)
        return torch.zeros(len(C), dtype=C.dtype), C
    size = torch.Size(shape).numel()
    return p.background.state.flatten(), p.background.std**2 * torch.eye(size, dtype=torch.float64)


def filtered(p: Problem) -> list[tuple[Tensor, Tensor]]:
    """Mean and covariance of every step given the observations up to it."""
    shape, history = p.window[1:], []
    mean, P = first_moments(p)
    F = matrix(p.system.step, shape)
    for k in range(p.window[0]):
        if k > 0:
            mean, P = F @ mean, F @ P @ F.T
        net = p.network.at(k)
        H = matrix(lambda x, net=net: net.apply(x[:, None]), shape)
        mean, P = posterior(mean, P, H, net.variance().double(), p.data[p.network.rows(k)])
        history.append((mean, P))
    return history


def smoothed(p: Problem) -> tuple[Tensor, Tensor]:
    """Mean ``(time, lev, y, x)`` and covariance of the window given all observations."""
    mean, P = first_moments(p)
    G = matrix(lambda x: p.system.trajectory(x, p.window[0]), p.window[1:])
    H = matrix(lambda x: p.network.apply(p.system.trajectory(x, p.window[0])), p.window[1:])
    mean, P = posterior(mean, P, H, p.network.variance().double(), p.data)
    return (G @ mean).reshape(p.window), G @ P @ G.T


def moment_matched(mean: Tensor, P: Tensor) -> Tensor:
    """Members ``(size + 1, size)`` whose sample mean and covariance are exactly these."""
    size = len(mean) + 1
    rotation = torch.linalg.qr(torch.cat([torch.ones(size, 1), torch.eye(size)[:, 1:]], 1))[0]
    rows = rotation[:, 1:].double() * (size - 1) ** 0.5
    return mean + rows @ torch.linalg.cholesky(P).T
