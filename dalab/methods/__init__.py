"""How a window is inferred from its observations."""

from .base import Background, Method, Problem, Step
from .dmps import DMPS
from .dps import DPS
from .enkf import EnKF
from .enks import EnKS
from .etkf import ETKF
from .kf import KalmanFilter
from .letkf import LETKF
from .mmps import MMPS
from .oi import OptimalInterpolation
from .pf import ParticleFilter
from .pff import ParticleFlowFilter
from .pgdm import PiGDM
from .rts import RTSSmoother
from .sda import SDA, SDAReleased
from .soad import SOAD, SOADRepaired
from .spectral import SpectralGuidance
from .var3d import Var3D
from .var4d import Var4D
from .yardsticks import Climatology, Persistence

__all__ = ["METHODS", "Background", "Method", "Problem", "Step"]

METHODS: dict[str, type[Method]] = {
    "spectral": SpectralGuidance,
    "sda": SDA,
    "sda-released": SDAReleased,
    "dps": DPS,
    "dmps": DMPS,
    "pgdm": PiGDM,
    "mmps": MMPS,
    "soad": SOAD,
    "soad-repaired": SOADRepaired,
    "climatology": Climatology,
    "persistence": Persistence,
    "oi": OptimalInterpolation,
    "var3d": Var3D,
    "enkf": EnKF,
    "etkf": ETKF,
    "letkf": LETKF,
    "enks": EnKS,
    "pf": ParticleFilter,
    "pff": ParticleFlowFilter,
    "var4d": Var4D,
    "kf": KalmanFilter,
    "rts": RTSSmoother,
}
