"""Attacks, one file each; what is imported here is public, named on the command line and held to the contract."""

from epsball.attacks.additive_noise import AdditiveNoise as AdditiveNoise
from epsball.attacks.base import Attack as Attack
from epsball.attacks.base import Found as Found
from epsball.attacks.binary_deepfool import BinaryDeepFool as BinaryDeepFool
from epsball.attacks.combine import Restarts as Restarts
from epsball.attacks.combine import Targeted as Targeted
from epsball.attacks.combine import Worst as Worst
from epsball.attacks.deepfool import DeepFool as DeepFool
from epsball.attacks.fgsm import FGSM as FGSM
from epsball.attacks.frank_wolfe import FrankWolfe as FrankWolfe
from epsball.attacks.lbfgs import LBFGS as LBFGS
from epsball.attacks.multi_targeted import MultiTargeted as MultiTargeted
from epsball.attacks.pgd import BIM as BIM
from epsball.attacks.pgd import DIFGSM as DIFGSM
from epsball.attacks.pgd import NIFGSM as NIFGSM
from epsball.attacks.pgd import ODIPGD as ODIPGD
from epsball.attacks.pgd import PGD as PGD
from epsball.attacks.pgd import SIFGSM as SIFGSM
from epsball.attacks.pgd import TIFGSM as TIFGSM
from epsball.attacks.pgd import MomentumPGD as MomentumPGD
from epsball.attacks.vmi_fgsm import VMIFGSM as VMIFGSM
