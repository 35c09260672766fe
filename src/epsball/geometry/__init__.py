"""Norm balls cut by a box: every norm states the same few facts, the algorithms use nothing else.

All operators work on displacements `v` of shape `(N, ...)`; `radius` is a number or a tensor `(N,)`; `low` and `high` bound every
coordinate and contain 0, as numbers or as tensors that broadcast to `v`.
"""

from epsball.geometry.base import Norm, inner, rows
from epsball.geometry.l0 import l0
from epsball.geometry.l1 import l1
from epsball.geometry.l2 import l2
from epsball.geometry.linf import linf

NORMS: dict[str, Norm] = {norm.name: norm for norm in (linf, l2, l1, l0)}

__all__ = ["NORMS", "Norm", "inner", "l0", "l1", "l2", "linf", "rows"]
