"""Robustness of image classifiers against adversarial examples: attacked from above, in one distance per sample."""

from epsball.attacks import (
    BIM,
    FGSM,
    LBFGS,
    PGD,
    AdditiveNoise,
    Attack,
    BinaryDeepFool,
    DeepFool,
    Found,
    MomentumPGD,
    Restarts,
    Worst,
)
from epsball.data.load import load_data
from epsball.errors import InputError, ModelError, UntrustworthyError
from epsball.evaluation.evaluate import evaluate
from epsball.geometry import Norm, l0, l1, l2, linf
from epsball.goal import Goal
from epsball.models.load import load_model
from epsball.models.weights import save_weights
from epsball.models.wrap import Model, wrap
from epsball.record import Evaluation
from epsball.threat import Threat
from epsball.verification.verify import verify

__all__ = [
    "BIM",
    "FGSM",
    "LBFGS",
    "PGD",
    "AdditiveNoise",
    "Attack",
    "BinaryDeepFool",
    "DeepFool",
    "Evaluation",
    "Found",
    "Goal",
    "InputError",
    "Model",
    "ModelError",
    "MomentumPGD",
    "Norm",
    "Restarts",
    "Threat",
    "UntrustworthyError",
    "Worst",
    "evaluate",
    "l0",
    "l1",
    "l2",
    "linf",
    "load_data",
    "load_model",
    "save_weights",
    "verify",
    "wrap",
]
