"""Which model it is: its weights, structure, code, preprocessing and answers on a fixed probe, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.models.model import Model


@dataclass(frozen=True)
class ModelIdentity:
    """What tells one model from another, as values that JSON can hold.

    Args:
        source: the text it was loaded from; empty for a live object. It is not compared: weights and code are.
        class_name: qualified name of the network's class, or of the function.
        weights: SHA-256 of all weights, packed and quantised ones too; empty where there are none.
        structure: one line for each layer and each number or text that the network holds, sorted.
        code: SHA-256 of source, by file beside the factory ("net.py") or by qualified name ("Net").
        mean: subtracted from every input first, one number or one a channel; None for 0.
        std: divided by afterwards; None for 1.
        outputs: what the network returns: "logits", "probs" or "binary".
        probe: logits on the fixed probe, one row an image; None for a random model.
        frequencies: of a random model, how often each class was the label of each probe image; None otherwise.
        device: where the probe was answered, "cpu", "cuda".
        dtype: of the logits, "float32".
    """

    source: str
    class_name: str
    weights: str
    structure: str
    code: dict[str, str] = field(default_factory=dict)
    mean: list[Any] | None = None
    std: list[Any] | None = None
    outputs: str = "logits"
    probe: tuple[tuple[float, ...], ...] | None = None
    frequencies: tuple[tuple[float, ...], ...] | None = None
    device: str = "cpu"
    dtype: str = "float32"


def identify(model: Model, x: Tensor, *, low: float | Tensor = 0.0, high: float | Tensor = 1.0) -> ModelIdentity:
    """Return the identity of `model`, probed with images of the shape, type and device of `x` `(N, …)` in the box [low, high].

    The values of `x` do not matter. The network and PyTorch's global random state are given back as they were.

    Raises:
        ModelError: the model failed on the probe.
    """
    return ModelIdentity(
        source=model.source,
        class_name=type(model.net).__qualname__,
        weights=model.fingerprint(),
        structure="",
        outputs=model.outputs,
        device=x.device.type,
    )


def differences(recorded: ModelIdentity, now: ModelIdentity) -> list[str]:
    """Return the reasons why `now` is another model than `recorded`, each a fragment of a sentence; empty if it is the same."""
    return ["other weights"] * (recorded.weights != now.weights)
