"""A model of one's own: scores, a file, a figure and a page (``python apps/own_model.py PORT``)."""

import sys

import torch

import dalab


class Drift(dalab.System):
    """Smooth eddies carried one cell east per step."""

    shape = (1, 32, 32)

    def step(self, x, n=1, generator=None):
        return torch.roll(x, n, -1)

    def sample_climate(self, count, generator):
        white = torch.randn(count, *self.shape, generator=generator, dtype=torch.float64)
        k = torch.fft.fftfreq(32)[:, None] ** 2 + torch.fft.rfftfreq(32) ** 2
        return 8 * torch.fft.irfft2(torch.fft.rfft2(white) * torch.exp(-(k * 200)))


class Tanh(dalab.Operator):
    """The sign of an eddy, and little else."""

    def __call__(self, x):
        return torch.tanh(2 * x)


class Nudging(dalab.Method):
    """Draws of the climatology, pulled towards the observations."""

    def iterate(self, problem, streams):
        x, network = problem.prior.sample_climatology(streams), problem.network
        for done in range(1, 49):
            x = x + 0.05 * network.vjp(x, problem.data - network.apply(x))
            yield dalab.Step(x, done, 48)


if __name__ == "__main__":
    system = Drift()
    windows = system.trajectory(system.sample_climate(400, torch.Generator().manual_seed(0)), 6)
    experiment = dalab.Experiment(
        system=system, prior=dalab.GaussianPrior.fit(windows[1:], name="eddies"), truth=windows[0],
        network=dalab.network(Tanh(), mask=dalab.masks.Random(0.25), noise=0.1), members=4,
        methods=[Nudging(), dalab.methods.METHODS.make("spectral")],
    )
    result = dalab.execute(experiment)
    print(dalab.table(result).to_string(index=False))
    dalab.save(result, "out/own_model.nc")
    dalab.figure(result).savefig("out/own_model.png", dpi=150)
    if len(sys.argv) > 1:
        dalab.serve(experiment, port=int(sys.argv[1]), show=False)
