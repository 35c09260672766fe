"""A torchvision that was built for another PyTorch: its missing operators, which nothing here calls, by name."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import torch


@cache
def supply_missing() -> Any:
    """Name the operators that `import torchvision` registers kernels for, and the AutoAttack that RobustBench imports.

    What is returned must be kept: the operators end with it.
    """
    if importlib.util.find_spec("autoattack") is None:
        attack = ModuleType("autoattack")
        attack.__spec__ = ModuleSpec("autoattack", None)
        vars(attack)["AutoAttack"] = object
        state = ModuleType("autoattack.state")
        vars(state)["EvaluationState"] = object
        sys.modules |= {"autoattack": attack, "autoattack.state": state}
    if hasattr(torch.ops.torchvision, "nms"):
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call] # PyTorch does not annotate it
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call] # as above
    return library
