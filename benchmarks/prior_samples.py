"""What a trained prior believes: unconditional samples against the climate, and its speed.

Prints the layers' standard deviation (bar: within 3 % of the climate), the isotropic PV spectrum
(bar: within 10 % at every wavenumber that holds more than 1e-4 of the variance), the one-day model
residual of data, Gaussian and trained samples, and the time of one denoising of one window.

    python benchmarks/prior_samples.py [PRIOR] [SYSTEM] [MEMBERS] [STEPS]
"""

from __future__ import annotations

import sys
import time

import torch
from torch import Tensor

from dalab.methods.diffusion.sampler import ancestral_step, noise_levels
from dalab.priors.base import Prior
from dalab.priors.denoisers.rings import ring_sums
from dalab.priors.loading import load_prior
from dalab.random import MemberStreams
from dalab.systems import SYSTEMS, System
from dalab.systems.library import load_states

BATCH = 8


@torch.no_grad()
def samples(prior: Prior, members: int, steps: int) -> Tensor:
    """Windows drawn from the prior by its denoiser, ``(members, time, lev, y, x)``."""
    parts = []
    for start in range(0, members, BATCH):
        streams = MemberStreams(start, min(BATCH, members - start))
        levels = [*noise_levels(steps, 20.0, 0.02), 0.0]
        # the largest scales vary more than the first noise level: start from the climate's Gaussian
        x = prior.sample_climatology(streams) + levels[0] * streams.normal(prior.window)
        for s, lower in zip(levels, levels[1:], strict=False):
            spread = prior.error_covariance(s).sample(streams.normal(prior.window))
            clean = prior.denoise(x, s) + spread
            x = ancestral_step(x, clean, s, lower, streams.normal(prior.window), 1.0)
        parts.append(clean)
        print(f"{start + len(clean)} of {members} samples", file=sys.stderr)
    return torch.cat(parts)


def spectrum(windows: Tensor) -> Tensor:
    """Variance per ring of each layer, averaged over windows and days, ``(lev, rings)``."""
    power = torch.fft.rfft2(windows.double(), norm="forward").abs() ** 2
    return ring_sums(power.mean((0, 1)), windows.shape[-1])


def climate_spectrum(prior: Prior) -> Tensor:
    """The same of the climate, from its covariance."""
    time_, lev, ny, nx = prior.window
    matrices = prior.climatological_covariance.matrices
    diagonal = torch.diagonal(matrices, dim1=-2, dim2=-1).real.double()
    power = diagonal.unflatten(-1, (time_, lev)).mean(-2).permute(2, 0, 1) / (ny * nx)
    return ring_sums(power, nx)


def residual(system: System, windows: Tensor) -> float:
    """RMS of frame k advanced by the solver minus frame k + 1."""
    return float((system.step(windows[:, :-1]) - windows[:, 1:]).square().mean().sqrt())


def report(name: str, system: System, prior: Prior, windows: Tensor) -> None:
    found, wanted = spectrum(windows), climate_spectrum(prior)
    std = (found.sum(1) / wanted.sum(1)).sqrt()
    held = wanted > 1e-4 * wanted.sum(1, keepdim=True)
    off = torch.where(held, found / wanted - 1, 0.0)
    worst = off.flatten()[off.abs().argmax()]
    print(
        f"{name:<9} std / climate: {std[0]:.3f} {std[1]:.3f}   largest error of the spectrum: "
        f"{worst:+.3f} (ring {int(off.abs().max(0).values.argmax())})   one-day residual: "
        f"{residual(system, windows):.4f}"
    )


def speed(prior: Prior, repeats: int = 10) -> float:
    """Milliseconds per denoising of one window, the best of some."""
    x = torch.randn(1, *prior.window)
    times = []
    with torch.no_grad():
        for _ in range(repeats + 2):
            start = time.perf_counter()
            prior.denoise(x, 0.3)
            times.append(time.perf_counter() - start)
    return 1e3 * min(times[2:])


def main(name: str = "qg64", system: str = "qg64", members: str = "64", steps: str = "48") -> None:
    flow = SYSTEMS[system]()
    trained, gaussian = load_prior(name, flow), load_prior("gaussian", flow)
    first = flow.trajectory(load_states(system), 60)[:, -1]
    data = flow.trajectory(first, trained.window[0])
    print(f"one denoising of one window: {speed(trained):.1f} ms "
          f"({torch.get_num_threads()} threads; Gaussian {speed(gaussian):.1f} ms)")
    report("data", flow, trained, data)
    report("Gaussian", flow, trained, samples(gaussian, int(members), int(steps)))
    report("trained", flow, trained, samples(trained, int(members), int(steps)))


if __name__ == "__main__":
    main(*sys.argv[1:])
