r"""LA: latent assimilation, a Kalman update of latent states.

Forecasts are encoded, :math:`z_j = E(x_j)`, and updated with the data by an ensemble Kalman filter
whose observation operator acts through the decoder,

.. math:: y = h(D(z)) + \epsilon .

``transform=True`` is the deterministic update of :mod:`dalab.methods.ensemble.transform`, otherwise
observations are perturbed. There is no localisation: distances mean nothing among latent numbers.

Target: the forecast prior, a Gaussian with the mean and covariance of the encoded ensemble, times
the Gaussian likelihood of the observations of its time. With all components of POD this is the
analysis of ``etkf`` or of the global ``enkf``, to rounding; with fewer and without the
remainders of the members it is that of the Kalman filter of the projected states, which takes the
components that were left out for errors of the observations, though R does not hold them. With the
remainders, members are observed as they are, and move in the latent space only.

References:
    | Amendola et al., Data assimilation in the latent space of a neural network (arXiv 2012.12056):
      a convolutional autoencoder and a Kalman filter
    | Peyron et al., Latent space data assimilation by using deep learning (arXiv 2104.00430): an
      ensemble transform Kalman filter, observations through the decoder

What differs: forecasts are those of the model itself, not of a network in the latent space;
``space=pod`` is the default; members keep what their latent states do not decode to, unless
``remainder=False``.
"""

from __future__ import annotations

import param
from torch import Tensor

from ....observations import ObservingNetwork
from ....random import MemberStreams
from ...ensemble.enkf import anomalies, centre_members, global_increment
from ...ensemble.transform import apply_transform, ensemble_weights
from .base import Decode, LatentFilter


class LA(LatentFilter):
    """Latent assimilation: a Kalman update of principal components, or in an autoencoder."""

    transform = param.Boolean(
        True, doc="recombine the members; otherwise update each with perturbed observations"
    )

    def update(
        self, z: Tensor, decode: Decode, network: ObservingNetwork, data: Tensor,
        streams: MemberStreams,
    ) -> Tensor:
        members = decode(z)
        if self.transform:
            return apply_transform(z, ensemble_weights(members, network, data, None))
        std = network.variance(like=data).sqrt()
        seen = network.apply(members.unsqueeze(-4))
        noise = centre_members(streams.normal(data.shape).movedim(0, -2))
        innovations = (data.unsqueeze(-2) + std * noise - seen) / std
        return z + global_increment(anomalies(z, -4), anomalies(seen, -2) / std, innovations)
