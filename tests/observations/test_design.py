"""Designs of networks: unbound parts, realised for a system."""

from __future__ import annotations

import param
import pytest
import torch

from dalab.errors import InputError
from dalab.observations import NetworkDesign, network
from dalab.observations.masks import Full, Random, Stride, Tracks
from dalab.observations.noise import Gaussian, Laplace
from dalab.observations.operators import Arctan, Elementwise, Identity, Operator, Velocity
from dalab.random import stream
from dalab.systems import SYSTEMS, System


class Plane(System):
    """One field on 8 x 16 cells that stays as it is."""

    shape = (1, 8, 16)

    def step(self, x, n=1, generator=None):
        return x


class Tanh(Elementwise):
    """tanh(x / width)."""

    width = param.Number(0.5, bounds=(0.0, 10.0), inclusive_bounds=(False, True))

    def __call__(self, x):
        return torch.tanh(x / self.width)


def test_an_operator_without_a_system_is_bound_to_a_copy():
    operator = Tanh(2.0)
    x = torch.linspace(-1, 1, 5)
    torch.testing.assert_close(operator(x), torch.tanh(x / 2))
    bound = operator.on(Plane())
    assert bound.width == 2.0 and bound.channels == ("tanh1",)
    bound.width = 3.0
    assert operator.width == 2.0
    with pytest.raises(InputError, match="operator tanh = 'without a system': .*operator.on"):
        operator.channels  # noqa: B018


def test_a_bound_operator_can_be_bound_to_another_system(tiny_system):
    velocity = Velocity(tiny_system)
    finer = SYSTEMS["qg64"]()
    velocity(torch.zeros(tiny_system.shape))
    assert velocity.on(finer)(torch.zeros(finer.shape)).shape == (4, 64, 64)
    assert velocity.system is tiny_system
    with pytest.raises(InputError, match="operator velocity = 'lorenz63': needs a two-layer QG"):
        velocity.on(SYSTEMS["lorenz63"]())


def test_a_design_has_the_published_defaults():
    design = network(Tanh())
    assert isinstance(design, NetworkDesign) and isinstance(design.masks[0], Full)
    assert (design.interval, design.noise, design.assumed_noise) == (1, 0.1, None)
    assert isinstance(design.noise_family, Gaussian)


def test_a_realised_design_observes_as_its_parts_say():
    design = network(
        Tanh(), Identity(), mask=[Random(0.25), Stride(4)], interval=2, noise=0.1,
        noise_family=Laplace(), assumed_noise=0.2,
    )
    net = design.realise(Plane(), 5, lambda i: stream(7, "mask", i))
    first, second = net.instruments
    assert torch.equal(first.mask[0], Random(0.25).cells(1, (8, 16), stream(7, "mask", 0))[0])
    assert second.size == 3 * 2 * 4 and not second.mask[1::2].any()
    assert (first.std, first.assumed_std) == (0.1, 0.2)
    assert isinstance(second.noise, Laplace)
    x = torch.randn(5, 1, 8, 16, generator=stream(1))
    torch.testing.assert_close(net.split(net.apply(x))[1], second.take(x))


def test_one_random_mask_is_drawn_anew_for_every_operator():
    net = network(Tanh(), Identity(), mask=Random(0.25)).realise(Plane(), 2)
    a, b = (i.mask for i in net.instruments)
    assert a.sum() == b.sum() and not torch.equal(a, b)


@pytest.mark.parametrize("shape", [(3, 8, 16), (8, 16)])
def test_a_mask_may_be_a_tensor(shape):
    cells = torch.rand(shape, generator=stream(0)) < 0.5
    net = network(Tanh(), mask=cells).realise(Plane(), 3)
    assert torch.equal(net.instruments[0].mask, cells.expand(3, 8, 16))


class Both(Operator):
    """The state and its square, of which the channels name the first alone."""

    def __call__(self, x):
        return torch.cat([x, x**2], dim=-3)


class Flat(Operator):
    """The mean over y."""

    def __call__(self, x):
        return x.mean(-2)


class Logarithm(Operator):
    """log(x), which negative states do not have."""

    def __call__(self, x):
        return torch.log(x)


class Mixing(Operator):
    """The mean over the axis before the fields, which the steps of a window are on."""

    def __call__(self, x):
        return x.mean(0, keepdim=True).expand_as(x)


class Numpy(Operator):
    """An array instead of a tensor."""

    def __call__(self, x):
        return x.numpy()


@pytest.mark.parametrize("operator, message", [
    (Both, r"shape of the fields of operator both = \(2, 2, 8, 16\): must be \(2, 1, 8, 16\): "
     r"states, channels \(both1\), y, x"),
    (Flat, r"shape of the fields of operator flat = \(2, 1, 16\): must be \(2, 1, 8, 16\)"),
    (Logarithm, "infinite or NaN values of operator logarithm = .*zeros and one of noise"),
    (Mixing, "operator mixing = .*must act on every state by itself"),
    (Numpy, "shape of the fields of operator numpy = 'ndarray'"),
])
def test_what_an_operator_returns_is_checked_when_the_network_is_made(operator, message):
    with pytest.raises(InputError, match=message):
        network(operator(), mask=Random(0.25)).realise(Plane(), 3)


def test_an_operator_is_checked_once():
    calls = []

    class Counted(Identity):
        """Counts."""

        def __call__(self, x):
            calls.append(x.shape)
            return x

    net = network(Counted()).realise(Plane(), 3)
    made = len(calls)
    for step in range(3):
        net.at(step)
    assert made == len(calls) <= 2


@pytest.mark.parametrize("make, message", [
    (lambda: network(), "operators = .*at least one"),
    (lambda: network(Tanh), "operator = .*must be an object of that kind: Arctan"),
    (lambda: network("tanh"), "operator = 'tanh'"),
    (lambda: network(Tanh(), mask="random"), "mask = 'random': must be an object"),
    (lambda: network(Tanh(), mask=[Full(), Full()]), "number of masks = 2: must be 1, or one for"),
    (lambda: network(Tanh(), noise_family=Full()), "noise family = "),
    (lambda: network(Tanh(), noise=0), "noise = 0: must be a number above 0"),
    (lambda: network(Tanh(), noise=1e39), "noise = 1e\\+39: .*to 1e\\+06"),
    (lambda: network(Tanh(), noise="loud"), "noise = 'loud'"),
    (lambda: network(Tanh(), assumed_noise=float("nan")), "assumed noise = nan"),
    (lambda: network(Arctan(), mask=torch.ones(8, 16)).realise(Plane(), 3), "mask tensor"),
    (lambda: network(Arctan(), mask=torch.ones(2, 8, 16).bool()).realise(Plane(), 3),
     r"of shape \(3, 8, 16\) or \(8, 16\)"),
    (lambda: network(Arctan(), interval=3).realise(Plane(), 3), "interval = 3"),
    (lambda: network(Arctan(), mask=Tracks()).realise(SYSTEMS["lorenz96"](), 3), "mask tracks"),
    (lambda: network(Arctan(), mask=Random()).realise(Plane()), "steps = None"),
])
def test_a_design_that_will_not_do_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
