"""The paper's experiments: one file each, a claim and what was measured."""

from epsball.paper import fgsm_table
from epsball.paper.experiment import Experiment

EXPERIMENTS: dict[str, Experiment] = {module.EXPERIMENT.name: module.EXPERIMENT for module in (fgsm_table,)}
"""Every experiment by name, in the paper's order."""
