"""Attacks, one file each; what is imported here is public, named on the command line and held to the contract."""

from epsball.attacks.additive_noise import AdditiveNoise as AdditiveNoise
from epsball.attacks.alma import ALMA as ALMA
from epsball.attacks.base import Attack as Attack
from epsball.attacks.base import Found as Found
from epsball.attacks.binary_deepfool import BinaryDeepFool as BinaryDeepFool
from epsball.attacks.carlini_wagner import CarliniWagner as CarliniWagner
from epsball.attacks.carlini_wagner_l0 import CarliniWagnerL0 as CarliniWagnerL0
from epsball.attacks.carlini_wagner_linf import CarliniWagnerLinf as CarliniWagnerLinf
from epsball.attacks.combine import MinimumNorm as MinimumNorm
from epsball.attacks.combine import Restarts as Restarts
from epsball.attacks.combine import Targeted as Targeted
from epsball.attacks.combine import Worst as Worst
from epsball.attacks.ddn import DDN as DDN
from epsball.attacks.deepfool import DeepFool as DeepFool
from epsball.attacks.ead import EAD as EAD
from epsball.attacks.fab import FAB as FAB
from epsball.attacks.fab import TargetedFAB as TargetedFAB
from epsball.attacks.fgsm import FGSM as FGSM
from epsball.attacks.fmn import FMN as FMN
from epsball.attacks.lbfgs import LBFGS as LBFGS
from epsball.attacks.pgd import BIM as BIM
from epsball.attacks.pgd import PGD as PGD
from epsball.attacks.pgd import MomentumPGD as MomentumPGD
from epsball.attacks.sigma_zero import SigmaZero as SigmaZero
from epsball.attacks.sparse_fool import SparseFool as SparseFool
from epsball.attacks.super_deepfool import SuperDeepFool as SuperDeepFool
