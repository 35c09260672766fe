"""The paper's experiments: one file each, a claim and what was measured."""

from epsball.paper import (
    adversarial_training,
    binary,
    capacity,
    comparison,
    deepfool_accuracy,
    fgsm_table,
    fine_tuning,
    linear_growth,
    precision,
    regions,
    regularisation,
    saddle_point,
    transfer,
)
from epsball.paper.experiment import Experiment

MODULES = (
    precision,
    linear_growth,
    fgsm_table,
    deepfool_accuracy,
    binary,
    comparison,
    fine_tuning,
    saddle_point,
    adversarial_training,
    capacity,
    transfer,
    regions,
    regularisation,
)

EXPERIMENTS: dict[str, Experiment] = {module.EXPERIMENT.name: module.EXPERIMENT for module in MODULES}
"""Every experiment by name, in the paper's order."""
