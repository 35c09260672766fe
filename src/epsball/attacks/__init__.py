"""Attacks, one file each; what is imported here is public, named on the command line and held to the contract."""

from epsball.attacks.additive_noise import AdditiveNoise as AdditiveNoise
from epsball.attacks.bandits import Bandits as Bandits
from epsball.attacks.base import Attack as Attack
from epsball.attacks.base import Found as Found
from epsball.attacks.binary_deepfool import BinaryDeepFool as BinaryDeepFool
from epsball.attacks.combine import Restarts as Restarts
from epsball.attacks.combine import Targeted as Targeted
from epsball.attacks.combine import Worst as Worst
from epsball.attacks.deepfool import DeepFool as DeepFool
from epsball.attacks.fgsm import FGSM as FGSM
from epsball.attacks.hop_skip_jump import HopSkipJump as HopSkipJump
from epsball.attacks.lbfgs import LBFGS as LBFGS
from epsball.attacks.nes import NES as NES
from epsball.attacks.one_pixel import OnePixel as OnePixel
from epsball.attacks.pgd import BIM as BIM
from epsball.attacks.pgd import PGD as PGD
from epsball.attacks.pgd import MomentumPGD as MomentumPGD
from epsball.attacks.simba import SimBA as SimBA
from epsball.attacks.simba import SimBADct as SimBADct
from epsball.attacks.sparse_rs import SparseRS as SparseRS
from epsball.attacks.spsa import SPSA as SPSA
from epsball.attacks.square import Square as Square
