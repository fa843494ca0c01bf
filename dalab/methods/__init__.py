"""Inference of windows from observations."""

from ..registry import Registry
from .base import Background, Method, Problem, Step
from .conditional_gaussian.rbpf import RBPF
from .diffusion.dmps import DMPS
from .diffusion.dps import DPS
from .diffusion.mmps import MMPS
from .diffusion.pgdm import PiGDM
from .diffusion.sda import SDA, SDAReleased
from .diffusion.soad import SOAD, SOADRepaired
from .diffusion.spectral import SpectralGuidance
from .ensemble.denkf import DEnKF
from .ensemble.enkf import EnKF
from .ensemble.enkf_n import EnKFN
from .ensemble.enks import EnKS
from .ensemble.etkf import ETKF
from .ensemble.ienks import IEnKS
from .ensemble.letkf import LETKF
from .ensemble.lnetf import LNETF
from .ensemble.particle import ParticleFilter
from .ensemble.particle_flow import ParticleFlowFilter
from .ensemble.simulated_enkf import SimulatedEnKF
from .exact.kalman import KalmanFilter
from .exact.rts import RTSSmoother
from .filtering import Filter
from .generative.ccdm.method import CCDM
from .generative.daisi.method import DAISI
from .generative.enff import EnFF
from .generative.ensf import EnSF
from .generative.latent.la import LA
from .generative.latent.latent_ensf import LatentEnSF
from .generative.masf.method import MASF
from .generative.omega.method import Omega
from .generative.sf import SF
from .generative.ssls import SSLS
from .reference import Climatology, Persistence
from .variational.lagged_var4d import LaggedVar4D
from .variational.oi import OptimalInterpolation
from .variational.var3d import Var3D
from .variational.var4d import Var4D

__all__ = ["METHODS", "Background", "Filter", "Method", "Problem", "Step"]

METHODS = Registry("method", "methods", Method, {
    "spectral": SpectralGuidance,
    "sda": SDA,
    "sda-released": SDAReleased,
    "dps": DPS,
    "dmps": DMPS,
    "pgdm": PiGDM,
    "mmps": MMPS,
    "soad": SOAD,
    "soad-repaired": SOADRepaired,
    "letkf": LETKF,
    "etkf": ETKF,
    "enkf": EnKF,
    "enkf-simulated": SimulatedEnKF,
    "denkf": DEnKF,
    "enkf-n": EnKFN,
    "enks": EnKS,
    "ienks": IEnKS,
    "lnetf": LNETF,
    "la": LA,
    "ensf": EnSF,
    "enff": EnFF,
    "masf": MASF,
    "sf": SF,
    "ssls": SSLS,
    "ccdm": CCDM,
    "daisi": DAISI,
    "latent-ensf": LatentEnSF,
    "omega": Omega,
    "oi": OptimalInterpolation,
    "var3d": Var3D,
    "var4d": Var4D,
    "var4d-lagged": LaggedVar4D,
    "kf": KalmanFilter,
    "rts": RTSSmoother,
    "pf": ParticleFilter,
    "rbpf": RBPF,
    "pff": ParticleFlowFilter,
    "climatology": Climatology,
    "persistence": Persistence,
})
