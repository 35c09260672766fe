"""Attacks, one file each."""

from epsball.attacks.additive_noise import AdditiveNoise
from epsball.attacks.base import Attack, Found
from epsball.attacks.binary_deepfool import BinaryDeepFool
from epsball.attacks.combine import Restarts, Worst
from epsball.attacks.deepfool import DeepFool
from epsball.attacks.fgsm import FGSM
from epsball.attacks.lbfgs import LBFGS
from epsball.attacks.pgd import BIM, PGD, MomentumPGD

__all__ = [
    "BIM",
    "FGSM",
    "LBFGS",
    "PGD",
    "AdditiveNoise",
    "Attack",
    "BinaryDeepFool",
    "DeepFool",
    "Found",
    "MomentumPGD",
    "Restarts",
    "Worst",
]
