"""Helpers of the methods that cycle a forecast model through the window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..observations import ObservingNetwork
from ..priors.covariance import SpectralCovariance
from ..random import MemberStreams
from .base import Problem


def pad(analyses: Sequence[Tensor], total: int) -> Tensor:
    """Complete a window from its first analyses by repeating the last one.

    Args:
        analyses: states ``(members, lev, y, x)`` of steps 0, 1, ...
        total: steps in the window.

    Returns:
        ``(members, total, lev, y, x)``.
    """
    missing = total - len(analyses)
    return torch.stack([*analyses, *[analyses[-1]] * missing], dim=1)


def white_covariance(like: SpectralCovariance, std: float) -> SpectralCovariance:
    """White covariance of standard deviation ``std``, shaped like another one."""
    eye = torch.eye(like.matrices.shape[-1], dtype=like.matrices.dtype)
    matrices = (std**2 * eye).to(like.matrices.device).expand_as(like.matrices)
    return SpectralCovariance(matrices.contiguous(), like.window)


def centre(normal: Tensor) -> Tensor:
    """Centre perturbations over members, keeping their variance; zero for a single member."""
    if len(normal) == 1:
        return torch.zeros_like(normal)
    return (normal - normal.mean(0)) * (len(normal) / (len(normal) - 1)) ** 0.5


def initial_ensemble(problem: Problem, streams: MemberStreams) -> Tensor:
    """States of step 0, ``(members, lev, y, x)``: about the background, or climatological."""
    if problem.background is None:
        return problem.prior.sample_climatology(streams)[:, 0]
    background = problem.background
    return background.state + background.std * streams.normal(problem.window[1:])


def problem_at(problem: Problem, k: int) -> Problem:
    """The problem of step ``k`` alone: its network and data, without background."""
    network, data = observations_at(problem, k)
    return replace(problem, network=network, data=data, background=None)


def observations_at(problem: Problem, k: int) -> tuple[ObservingNetwork, Tensor]:
    """Network of step ``k`` and its data, ``(size,)``."""
    rows = problem.network.rows(k).to(problem.data.device)
    return problem.network.at(k), problem.data[rows]
