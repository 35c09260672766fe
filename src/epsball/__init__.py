"""Robustness of image classifiers against adversarial examples."""
