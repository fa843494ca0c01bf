r"""A coupled variational autoencoder as a latent space.

Encoders :math:`E_x` of states and :math:`E_y` of observations give a mean and a variance each; a
draw of either is decoded by the same D. With states x of the climate, their simulated observations
y, and both laws :math:`N(\mu, \sigma^2)`, the loss is the mean over all numbers of

.. math::
    |x - D(E_x(x))|^2 + |x - D(E_y(y))|^2 +
    w_m [ (\mu_x - \mu_y)^2 + (\sigma_x - \sigma_y)^2 ] +
    w_k \, \mathrm{KL}(N(\mu, \sigma^2), N(0, 1)) ,

the third term the squared Wasserstein distance of the two laws. A filter takes the means, shifted
and scaled so that those of states have mean zero and variance one over the climate.

Reference: Si and Chen, Latent-EnSF (arXiv 2409.00127). What differs: the weights and the distance
between the laws are not published and are ours; observations enter as fields that are zero where
nothing is observed, beside the mask.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ....observations import ObservingNetwork
from .networks import Autoencoder
from .space import LatentSpace

BATCH = 1024
"""States that are encoded or decoded at a time."""


class Observed:
    """Observation vectors of one network as fields for an encoder.

    Args:
        network: network of one step.
        scale: of the values of every instrument.
    """

    def __init__(self, network: ObservingNetwork, scale: Tensor) -> None:
        self.network, self.scale = network, scale

    @property
    def count(self) -> int:
        """Number of fields."""
        return sum(len(i.operator.channels) + 1 for i in self.network.instruments)

    def fields(self, data: Tensor) -> Tensor:
        """Fields ``(batch, count, y, x)`` of observation vectors ``(batch, size)``."""
        parts, scale = [], self.scale.to(data)
        split = self.network.split(data)
        for instrument, values, unit in zip(self.network.instruments, split, scale, strict=True):
            seen = instrument.put(values / unit)[..., 0, :, :, :]
            mask = instrument.mask[:1].to(seen).expand(len(data), -1, -1, -1)
            parts += [seen, mask]
        return torch.cat(parts, -3)


def scale_of(network: ObservingNetwork, observed: Tensor) -> Tensor:
    """Root mean square of the values ``(count, size)`` of every instrument."""
    pieces = network.split(observed)
    rms = [p.square().mean().sqrt() if p.numel() else p.new_ones(()) for p in pieces]
    return torch.stack(rms).clamp(min=1e-6)


class AutoencoderSpace(LatentSpace):
    """Latent space of an autoencoder.

    Args:
        shape: of a state, (lev, y, x).
        model: its networks.
        observed: fields of its observations; ``None`` for none.
        mean: of the latent states of the climate, ``(L,)``; zero at first.
        std: their standard deviation.
    """

    def __init__(
        self, shape: tuple[int, ...], model: Autoencoder, observed: Observed | None,
        mean: Tensor | None = None, std: Tensor | None = None,
    ) -> None:
        self.shape, self.model, self.observed = shape, model, observed
        self.size = torch.Size(model.latent).numel()
        self.mean = torch.zeros(self.size) if mean is None else mean
        self.std = torch.ones(self.size) if std is None else std

    def standardise(self, states: Tensor) -> None:
        """Shift and scale latent states to mean zero and variance one over some states."""
        latent = self.encode(states) * self.std.to(states) + self.mean.to(states)
        self.mean, self.std = latent.mean(0).float(), latent.std(0).clamp(min=1e-6).float()

    def encode(self, x: Tensor) -> Tensor:
        flat = x.reshape(-1, *self.shape)
        found = self._latent(lambda part: self.model.encode(part)[0], flat)
        return found.reshape(*x.shape[:-3], self.size).to(x)

    def decode(self, z: Tensor) -> Tensor:
        raw = (z.float() * self.std.to(z.device) + self.mean.to(z.device)).reshape(-1, self.size)
        model = self.model.to(z.device)
        with torch.no_grad():
            states = torch.cat([model.decode(part) for part in raw.split(BATCH)])
        return states.reshape(*z.shape[:-1], *self.shape).to(z)

    def encode_observations(self, data: Tensor) -> Tensor:
        assert self.observed is not None
        fields, flat = self.observed.fields, data.reshape(-1, data.shape[-1])
        found = self._latent(lambda part: self.model.encode_observed(fields(part))[0], flat)
        return found.reshape(*data.shape[:-1], self.size).to(data)

    def tensors(self) -> dict[str, Tensor]:
        numbers = {f"model.{k}": v.cpu() for k, v in self.model.state_dict().items()}
        found = {**numbers, "mean": self.mean, "std": self.std}
        return found if self.observed is None else {**found, "scale": self.observed.scale}

    def _latent(self, encode: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        self.model.to(x.device)
        with torch.no_grad():
            raw = torch.cat([encode(part.float()) for part in x.split(BATCH)])
        return (raw - self.mean.to(raw)) / self.std.to(raw)


def read_model(model: Autoencoder, tensors: Mapping[str, Tensor]) -> Autoencoder:
    """The networks with the numbers of :meth:`AutoencoderSpace.tensors`."""
    numbers = {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
    model.load_state_dict(numbers, assign=True)
    return model.eval().requires_grad_(False)
