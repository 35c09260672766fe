"""Words of command lines."""

from __future__ import annotations


def evaluate(*words: str, model: str = "nets.py:linear", data: str = "data.npz", suite: str = "fgsm") -> list[str]:
    """The words of an evaluation that takes an instant."""
    return ["evaluate", model, "--data", data, "--norm", "linf", "--eps", "0.1", "--suite", suite, *words]
