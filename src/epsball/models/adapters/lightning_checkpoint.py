"""Checkpoints of Lightning, path/to/file.py:LitClass@last.ckpt: the class is called with the hyper-parameters that were saved with it.

Lightning is not imported for it; the file of the class does that.
"""

from __future__ import annotations

import inspect
from argparse import Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from epsball.errors import InputError

if TYPE_CHECKING:
    from epsball.models.weights import Saved

_PACKAGES = ("lightning", "pytorch_lightning")
_EVERY = "kwargs"
"""What Lightning notes where the hyper-parameters are the arguments themselves."""


def is_lightning(kind: object) -> bool:
    """Whether an object is a class of modules of Lightning."""
    bases = kind.__mro__ if isinstance(kind, type) else ()
    return any(base.__name__ == "LightningModule" and base.__module__.partition(".")[0] in _PACKAGES for base in bases)


def arguments_of(kind: Any, checkpoint: Saved) -> dict[str, Any]:
    """Return the arguments with which Lightning would build `kind` from a checkpoint: those hyper-parameters that it takes.

    Args:
        kind: the class.
        checkpoint: a file; one of safetensors or without hyper-parameters has none.

    Raises:
        InputError: the class takes arguments that were not saved.
    """
    content = checkpoint.content if isinstance(checkpoint.content, Mapping) else {}
    saved = content.get("hyper_parameters", {})
    saved = dict(vars(saved)) if isinstance(saved, Namespace) else saved
    saved = saved if isinstance(saved, Mapping) else {}
    named = content.get("hparams_name") or _EVERY
    taken = inspect.signature(kind).parameters
    if named != _EVERY and named in taken:
        return {named: saved}
    if not any(each.kind is each.VAR_KEYWORD for each in taken.values()):
        saved = {name: value for name, value in saved.items() if name in taken}
    missing = [
        name
        for name, each in taken.items()
        if each.default is each.empty
        and each.kind in {each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY}
        and name not in saved
    ]
    if missing:
        raise InputError(
            f"{kind.__name__} takes {', '.join(missing)}, which {checkpoint.path} does not hold; call self.save_hyperparameters() in "
            "it before training, or give a factory, path/to/file.py:make, that returns it"
        )
    return dict(saved)
