"""Analysis RMSE of the classical methods on the Lorenz systems, beside DAPPER's published values.

Settings of Sakov and Oke (2008) for Lorenz-96 and of Sakov et al. (2012) for Lorenz-63, with the
tuning that DAPPER's example files give for each method. Everything is in the units of the
equations. Independent repeats are advanced together in a leading axis; the RMSE is the mean over
repeats and analyses of the spatial RMSE of the analysis mean, at least 1000 analyses in all.

What differs from DAPPER: the forecast is inflated, not the analysis; the climatological covariance
C comes from independent states; 4D-Var is minimised by L-BFGS instead of full Gauss-Newton steps.
Its background covariance is the identity I in the units of the equations, times DAPPER's factor:
taken as factors of C these give 0.67 with lag 1.

    python benchmarks/dapper_table.py [ROW ...]        rows by number, all by default
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from dalab.methods.ensemble.enkf import EnKF
from dalab.methods.ensemble.etkf import ETKF
from dalab.methods.ensemble.letkf import LETKF
from dalab.methods.ensemble.particle import (
    ParticleFilter,
    effective_size,
    reweight,
    uniform_log_weights,
)
from dalab.methods.gaussian.update import Gaussian, assimilate
from dalab.methods.variational.cost import Variational
from dalab.observations import ObservingNetwork, network
from dalab.observations.operators import Operator
from dalab.priors.covariance import SpectralCovariance, estimate
from dalab.random import MemberStreams, stream
from dalab.systems.lorenz63 import Lorenz63
from dalab.systems.lorenz96 import Lorenz96
from dalab.systems.time_stepped import TimeStepped

LORENZ_RADIUS = 1.82
"""Half-width of the taper per unit of the radius in DAPPER's convention."""


class Physical(Operator):
    """The state in the units of the equations, but for the climatological mean."""

    linear = True

    def __call__(self, x: Tensor) -> Tensor:
        return self.system.scale.to(x) * x


@dataclass(frozen=True)
class World:
    """Repeats of a system observed completely at every step.

    Args:
        system: what evolves.
        std: standard deviation of the observation error, in the units of the equations.
        repeats: independent truths.
    """

    system: TimeStepped
    std: float
    repeats: int

    def network(self, steps: int = 1) -> ObservingNetwork:
        """A network that sees the last of some steps."""
        mask = torch.zeros(steps, *self.system.shape[1:], dtype=torch.bool)
        mask[-1] = True
        return network(Physical(self.system), mask=mask, noise=self.std).realise()

    def truths(self) -> Iterator[tuple[Tensor, Tensor]]:
        """True states and observations of one time after the other, without end."""
        truth = self.system.sample_climate(self.repeats, stream(0, "truth"))
        noise = stream(0, "noise")
        net = self.network()
        while True:
            clean = net.apply(truth[:, None])
            normal = torch.randn(clean.shape, generator=noise, dtype=torch.float64)
            yield truth, clean + self.std * normal
            truth = self.system.step(truth)

    def climate(self) -> SpectralCovariance:
        """Climatological covariance of one state."""
        states = self.system.sample_climate(2000, stream(0, "climate"))
        return SpectralCovariance(estimate(states[:, None]), (1, *self.system.shape))

    def white(self, variance: float) -> SpectralCovariance:
        """Uncorrelated errors of a variance in the units of the equations."""
        like = self.climate()
        normalised = variance / self.system.scale.flatten().to(like.matrices) ** 2
        matrices = torch.diag(normalised).expand_as(like.matrices)
        return SpectralCovariance(matrices.contiguous(), like.window)

    def near(self, truth: Tensor, members: int, std: float = 1.0) -> Tensor:
        """First ensembles ``(repeats, members, *shape)``: the truth plus noise."""
        shape = (self.repeats, members, *self.system.shape)
        normal = torch.randn(shape, generator=stream(0, "start"), dtype=torch.float64)
        return truth[:, None] + std * normal / self.system.scale


Analyses = Callable[[World, Iterator[tuple[Tensor, Tensor]]], Iterator[tuple[Tensor, Tensor]]]
"""From truths and observations to truths and analysis means, without end."""


def ensemble(method, members: int) -> Analyses:
    def analyses(world, truths):
        x, net, streams = None, world.network(), MemberStreams(0, members, dtype=torch.float64)
        for truth, data in truths:
            x = world.near(truth, members) if x is None else world.system.step(x)
            x = method.analysis(x, net, data, streams)
            yield truth, x.mean(1)

    return analyses


def particles(members: int, jitter: float, threshold: float) -> Analyses:
    method = ParticleFilter(ensemble=members, jitter=jitter)

    def analyses(world, truths):
        x, net, streams = None, world.network(), MemberStreams(0, members, dtype=torch.float64)
        for truth, data in truths:
            if x is None:
                x = world.near(truth, members)
                logw = uniform_log_weights(x)
            else:
                x = world.system.step(x)
            logw = reweight(x, logw, net, data)
            yield truth, torch.einsum("rn,rnlyx->rlyx", torch.softmax(logw, -1), x)
            poor = effective_size(logw) <= threshold * members
            fresh, equal = method.rejuvenate(x, logw, streams)
            x = torch.where(poor[:, None, None, None, None], fresh, x)
            logw = torch.where(poor[:, None], equal, logw)

    return analyses


def climatological(world: World, truths) -> Iterator[tuple[Tensor, Tensor]]:
    """Optimal interpolation from the climatological mean, without a forecast, as in DAPPER."""
    climate, net = world.climate(), world.network()
    for truth, data in truths:
        prior = Gaussian(torch.zeros_like(truth)[:, None], climate)
        yield truth, assimilate(net, data, prior, 40)[:, 0]


def variational(lag: int, B: SpectralCovariance, iterations: int) -> Analyses:
    """3D-Var (lag 0) or 4D-Var with a static B and one new observation time per cycle."""

    def analyses(world, truths):
        net, x, age = world.network(lag + 1), None, 0
        for truth, data in truths:
            if x is None:
                x = world.near(truth, 1, std=0.3)[:, 0]
            elif age < lag:  # the first window fills
                age += 1
            else:
                x = world.system.step(x)
            if age < lag:
                continue
            cost = Variational(
                x, B, lambda state: world.system.trajectory(state, lag + 1), net, data
            )
            *_, best = cost.quasi_newton(iterations)
            x = cost.state(best.v)
            yield truth, cost.window(best.v)[:, -1]

    return analyses


@dataclass(frozen=True)
class Row:
    """One line of the table: what is run, and what DAPPER reports."""

    name: str
    world: World
    analyses: Analyses
    expected: float
    burn_in: int
    cycles: int


def rows() -> list[Row]:
    L96, L96_slow, L63 = Lorenz96(), Lorenz96(interval=0.2), Lorenz63()
    ring, slow = World(L96, 1.0, 20), World(L96_slow, 1.0, 40)
    three, few = World(L63, 2**0.5, 40), World(L63, 2**0.5, 10)
    enkf, etkf = EnKF(inflation=1.06, localisation=0), ETKF(inflation=1.013, rotation=True)
    letkf = LETKF(inflation=1.04, rotation=True, localisation=4 * LORENZ_RADIUS)
    return [
        Row("L96 EnKF N=40", ring, ensemble(enkf, 40), 0.22, 100, 150),
        Row("L96 ETKF N=24, rotation", ring, ensemble(etkf, 24), 0.18, 100, 150),
        Row("L96 LETKF N=7, radius 4", ring, ensemble(letkf, 7), 0.22, 100, 150),
        Row("L96 3D-Var, 0.02 C", ring, variational(0, ring.climate() * 0.02, 8), 0.41, 100, 100),
        Row("L96 OI from the climate", ring, climatological, 0.95, 0, 60),
        *(
            Row(
                f"L96 0.2: 4D-Var lag {lag}, {factor} I", slow,
                variational(lag, slow.white(factor), 10), expected, 50, 26,
            )
            for lag, factor, expected in ((1, 0.2, 0.46), (2, 0.1, 0.39), (4, 0.02, 0.37))
        ),
        Row(
            "L63 ETKF N=10, rotation", three,
            ensemble(ETKF(inflation=1.02, rotation=True), 10), 0.60, 40, 250,
        ),
        Row("L63 PF N=100", three, particles(100, 2.4, 0.3), 0.38, 40, 250),
        Row("L63 PF N=800", few, particles(800, 0.9, 0.2), 0.28, 40, 250),
    ]  # fmt: skip


def rmse(row: Row) -> float:
    """Mean over analyses of the spatial RMSE, in the units of the equations."""
    found, scale = [], row.world.system.scale
    for k, (truth, mean) in enumerate(row.analyses(row.world, row.world.truths())):
        if k >= row.burn_in:
            found.append((scale * (mean - truth)).pow(2).mean((-3, -2, -1)).sqrt())
        if k + 1 == row.burn_in + row.cycles:
            break
    return float(torch.cat(found).mean())


def main(*chosen: int) -> None:
    table = rows()
    print(f"{'':32}{'DAPPER':>8}{'here':>8}{'ratio':>8}{'analyses':>10}{'seconds':>9}")
    for number in chosen or range(len(table)):
        row, start = table[number], time.perf_counter()
        with torch.no_grad():
            found = rmse(row)
        count, seconds = row.cycles * row.world.repeats, time.perf_counter() - start
        print(
            f"{row.name:32}{row.expected:8.2f}{found:8.3f}{found / row.expected:8.2f}"
            f"{count:10}{seconds:9.1f}", flush=True,
        )  # fmt: skip


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
