r"""Denoisers of other packages by noise level: azula's, predictors in diffusers' style, velocities.

Such a denoiser knows scaled noisy windows x_t = a_t x + b_t e. At noise level s = b_t / a_t they
are a_t times the windows x_s = x + s e of dalab, so that

.. math:: D(x_s, s) = D_t(a_t x_s) , \qquad b_t / a_t = s ,

where the time t is found by bisection for azula's continuous schedules, and is the step with the
nearest log s for discrete ones. If neighbouring steps differ by d in log s, that costs at most d/2
posterior standard deviations, for a Gaussian. A predictor P gives, by its kind,

.. math::
    D = x_s - s P \;\text{(epsilon)} , \qquad D = a_t^2 x_s - b_t P \;\text{(v)} , \qquad
    D = P \;\text{(sample)} , \qquad a_t^2 + b_t^2 = 1 .

A velocity field b of the interpolant z_t = (1 - t) z_0 + t z_1 from noise to data z_1 = c x gives

.. math:: D = \frac{(1 - t) \, b(z_t, t) + z_t}{c} , \qquad z_t = t \, c \, x_s , \qquad
    t = \frac{1}{1 + c s} .

References:
    | Ho et al., Denoising diffusion probabilistic models (2006.11239): epsilon
    | Salimans and Ho, Progressive distillation for fast sampling (2202.00512): v
    | Albergo, Boffi and Vanden-Eijnden, Stochastic interpolants (2303.08797): velocity
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from azula.denoise import Denoiser
from torch import Tensor, nn

from ...errors import InputError

KINDS = ("epsilon", "v_prediction", "sample")
"""Kinds of predictions, as diffusers calls them."""


class MatchedDenoiser(nn.Module, abc.ABC):
    """A denoiser of another package, addressed by the noise level of windows x + s e.

    Args:
        model: the denoiser.
    """

    lowest: float
    """Lowest noise level of the denoiser's schedule."""

    highest: float
    """Highest noise level of the denoiser's schedule."""

    def __init__(self, model: Callable[..., Any]) -> None:
        super().__init__()
        self.model = model

    @abc.abstractmethod
    def forward(self, x: Tensor, sigma: float) -> Tensor:
        """Denoise windows in the layout of the model.

        Args:
            x: windows plus noise, ``(batch, ...)``.
            sigma: standard deviation of the noise, between :attr:`lowest` and :attr:`highest`.
        """


class MatchedAzula(MatchedDenoiser):
    """An azula denoiser, at the time of its schedule at which the noise is the same.

    Args:
        model: the denoiser; its schedule maps [0, 1] to signal and noise scales.
    """

    def __init__(self, model: Denoiser) -> None:
        super().__init__(model)
        self.schedule = model.schedule
        self.lowest, self.highest = (math.exp(self._log_level(t)) for t in (0.0, 1.0))
        self._times: dict[float, float] = {}

    def forward(self, x: Tensor, sigma: float) -> Tensor:
        t = torch.tensor(self.time(sigma), dtype=x.dtype, device=x.device)
        alpha, _ = self.schedule(t)
        return self.model(alpha * x, t).mean

    def time(self, sigma: float) -> float:
        """Time in [0, 1] of the noise level ``sigma``."""
        if sigma not in self._times:
            self._times[sigma] = self._bisect(math.log(sigma))
        return self._times[sigma]

    def _bisect(self, log_level: float) -> float:
        low, high = 0.0, 1.0
        for _ in range(53):  # binary digits of a double
            middle = (low + high) / 2
            low, high = (middle, high) if self._log_level(middle) < log_level else (low, middle)
        return (low + high) / 2

    def _log_level(self, t: float) -> float:
        alpha, sigma = self.schedule(torch.tensor(t, dtype=torch.float64))
        return math.log(float(sigma)) - math.log(float(alpha))


class MatchedPredictor(MatchedDenoiser):
    """A predictor of noise, velocity or windows with discrete steps, in diffusers' style.

    Args:
        model: of scaled noisy windows and steps, ``(batch, ...)`` and ``(batch,)``; gives the
            prediction, or an object with the prediction as ``sample``.
        scheduler: has ``alphas_cumprod``, the squares of the signal scales, and ``config`` with the
            ``prediction_type``.

    Raises:
        InputError: if the scheduler lacks either, or predicts something else.
    """

    signal: Tensor
    log_levels: Tensor

    def __init__(self, model: Callable[..., Any], scheduler: Any) -> None:
        super().__init__(model)
        self.kind = _prediction_type(scheduler)
        squares = _squared_signal(scheduler)
        self.register_buffer("signal", squares.sqrt(), persistent=False)
        levels = ((1 - squares) / squares).log() / 2
        self.register_buffer("log_levels", levels, persistent=False)
        self.lowest, self.highest = (math.exp(float(v)) for v in (levels.min(), levels.max()))

    def forward(self, x: Tensor, sigma: float) -> Tensor:
        step = int((self.log_levels - math.log(sigma)).abs().argmin())
        a = float(self.signal[step])
        scaled = a * x
        steps = torch.full((len(x),), step, device=x.device)
        predicted = _sample(self.model(scaled.to(precision(self, x)), steps)).to(x)
        b = math.sqrt(1 - a * a)
        match self.kind:
            case "epsilon":
                return (scaled - b * predicted) / a
            case "v_prediction":
                return a * scaled - b * predicted
            case _:
                return predicted


class VelocityField(MatchedDenoiser):
    """A velocity field of a stochastic interpolant from noise at t = 0 to data at t = 1.

    Networks of DAISI and DAWIS are of this kind.

    Args:
        model: velocity E[z_1 - z_0 | z_t] of windows and times, ``(batch, ...)`` and ``(batch,)``.
        scale: the data of the network over normalised windows, the c above. For a network of states
            over S in the units of the system it is ``system.scale / S``.
        states: states of a window whose times the network takes one by one, ``(batch, states)``;
            they are all the same here. One time for the whole window by default.

    Raises:
        InputError: if the model cannot be called, or the scale or the states are not above 0.
    """

    earliest, latest = 1e-3, 1 - 1e-3
    """Times between which the model is asked."""

    def __init__(
        self, model: Callable[..., Any], *, scale: float = 1.0, states: int | None = None
    ) -> None:
        if not callable(model):
            raise InputError(
                "velocity", type(model).__name__, "must be a function of windows and times",
                "Give a network b(z, t).",
            )
        super().__init__(model)
        for what, value in (("scale", scale), ("states", 1 if states is None else states)):
            if not 0 < value < math.inf:
                raise InputError(what, value, "must be above 0", "Use 1.")
        self.scale, self.states = float(scale), states
        self.lowest, self.highest = (
            (1 - t) / (t * self.scale) for t in (self.latest, self.earliest)
        )

    def forward(self, x: Tensor, sigma: float) -> Tensor:
        t = 1 / (1 + self.scale * sigma)
        z = t * self.scale * x
        shape = (len(x),) if self.states is None else (len(x), self.states)
        kind = precision(self, x)
        times = torch.full(shape, t, dtype=kind, device=x.device)
        velocity = _sample(self.model(z.to(kind), times)).to(x)
        return ((1 - t) * velocity + z) / self.scale


def precision(module: nn.Module, x: Tensor) -> torch.dtype:
    """Precision of the weights of a module; that of the windows ``x`` if it has none."""
    return next((p.dtype for p in module.parameters() if p.is_floating_point()), x.dtype)


def _prediction_type(scheduler: Any) -> str:
    config = getattr(scheduler, "config", {})
    kind = config.get("prediction_type") if isinstance(config, Mapping) else getattr(
        config, "prediction_type", None
    )
    if kind not in KINDS:
        raise InputError(
            "prediction_type of the scheduler", kind, f"must be one of {', '.join(KINDS)}",
            "Give a scheduler whose config names the prediction of the model.",
        )
    return kind


def _squared_signal(scheduler: Any) -> Tensor:
    """Squares of the signal scales of all steps, float64; steps without any signal are left out."""
    found = getattr(scheduler, "alphas_cumprod", None)
    squares = torch.as_tensor([] if found is None else found, dtype=torch.float64)
    falling = squares.ndim == 1 and len(squares) > 1 and bool((squares.diff() < 0).all())
    if not falling or not 0 <= float(squares[-1]) < float(squares[0]) < 1:
        raise InputError(
            "alphas_cumprod of the scheduler", None if found is None else list(squares.shape),
            "must be one number per step, falling within (0, 1)",
            "Give a scheduler such as diffusers.DDPMScheduler.",
        )
    return squares[squares > 0]


def _sample(output: Any) -> Tensor:
    return output if isinstance(output, Tensor) else output.sample


def match(denoiser: Denoiser | Callable[..., Any], scheduler: Any = None) -> MatchedDenoiser:
    """Address a denoiser of another package by noise level.

    Args:
        denoiser: azula's ``Denoiser``, a :class:`VelocityField`, or a predictor with a scheduler.
        scheduler: of the predictor.

    Raises:
        InputError: for a denoiser of neither kind, or a scheduler that does not say enough.
    """
    if isinstance(denoiser, MatchedDenoiser):
        return denoiser
    if scheduler is not None:
        return MatchedPredictor(denoiser, scheduler)
    if isinstance(denoiser, Denoiser) and hasattr(denoiser, "schedule"):
        return MatchedAzula(denoiser)
    raise InputError(
        "denoiser", type(denoiser).__name__,
        "must be an azula Denoiser with a schedule, a VelocityField, or come with a scheduler",
        "Pass scheduler=..., with alphas_cumprod and config.prediction_type.",
    )
