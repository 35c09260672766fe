"""What a batch costs, one objective a file; the named ones are what the command line offers."""

from epsball.training.objectives.adversarial import adversarial
from epsball.training.objectives.base import OBJECTIVES, Named, Objective
from epsball.training.objectives.standard import standard

__all__ = ["OBJECTIVES", "Named", "Objective", "adversarial", "standard"]
