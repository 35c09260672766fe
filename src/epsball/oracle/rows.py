"""Row tensors that an attack carries from step to step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from epsball.threat import Threat


class Kept:
    """An attack's own row tensors, packed by the oracle between steps together with the rows they belong to."""

    x0: Tensor
    threat: Threat

    def __init__(self, x0: Tensor, threat: Threat, **tensors: Tensor) -> None:
        self.x0 = x0
        self.threat = threat
        for name, value in tensors.items():
            setattr(self, name, value)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Tensor: ...
        def __setattr__(self, name: str, value: Tensor | Threat) -> None: ...

    def pack(self, places: Tensor, held: int) -> None:
        """Keep the rows at `places` of every tensor that has `held` rows."""
        self.threat = self.threat[places]
        for name, value in vars(self).items():
            if isinstance(value, Tensor) and value.ndim and len(value) == held:
                setattr(self, name, value[places])
