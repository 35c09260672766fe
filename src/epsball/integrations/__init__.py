"""A run in the trackers that people use: TensorBoard, Weights & Biases, MLflow."""

from epsball.integrations.log import log

__all__ = ["log"]
