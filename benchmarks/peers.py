"""The peers behind one call: (network, images, labels) -> images, each at its defaults.

A peer is imported where it is called, so that a benchmark without peers runs without them.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from harness import race

Peer: TypeAlias = Callable[[nn.Module, Tensor, Tensor], Tensor]

SMALL_BATCH = 128
TRIALS = 3


def peer(name: str) -> Any:
    """A peer's module; what it says while it is imported is not ours to mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


def foolbox_deepfool(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """L2DeepFoolAttack: 10 candidates are its default."""
    foolbox = peer("foolbox")
    model = foolbox.PyTorchModel(net, bounds=(0, 1), device=x.device)
    _, clipped, _ = foolbox.attacks.L2DeepFoolAttack(candidates=10)(model, x, y, epsilons=None)
    return torch.as_tensor(clipped)


def torchattacks_deepfool(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """DeepFool, one image after the other."""
    return torch.as_tensor(peer("torchattacks").DeepFool(net)(x, y))


def art_deepfool(net: nn.Module, x: Tensor, _: Tensor) -> Tensor:
    """DeepFool with its batch size of 1 and its overshoot of 1e-6; it takes no labels but the predicted ones."""
    evasion = peer("art.attacks.evasion")
    classification = peer("art.estimators.classification")
    logging.getLogger("art").setLevel(logging.ERROR)
    with torch.no_grad():
        classes = net(x[:1]).shape[1]
    classifier = classification.PyTorchClassifier(
        model=net, loss=nn.CrossEntropyLoss(), input_shape=tuple(x.shape[1:]), nb_classes=classes, clip_values=(0, 1)
    )
    return torch.from_numpy(evasion.DeepFool(classifier, verbose=False).generate(x.numpy()))


def adv_lib_deepfool(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """`df`, l2 by default."""
    return torch.as_tensor(adv_lib("attacks.deepfool").df(net, x, y))


def adv_lib(name: str) -> Any:
    """One file of adv-lib, past the `__init__` of its attacks, which imports visdom and torchvision for others."""
    found = importlib.util.find_spec("adv_lib")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("adv-lib is not installed here; `make bench` installs it into .venv-bench")
    folder = ModuleType("adv_lib.attacks")
    folder.__path__ = [str(Path(found.origin).parent / "attacks")]
    sys.modules.setdefault("adv_lib.attacks", folder)
    return peer(f"adv_lib.{name}")


DEEPFOOL: dict[str, Peer] = {"foolbox L2DeepFoolAttack": foolbox_deepfool, "adv-lib df": adv_lib_deepfool}
DEEPFOOL_ONE_BY_ONE: dict[str, Peer] = {"torchattacks DeepFool": torchattacks_deepfool, "ART DeepFool": art_deepfool}


def at_its_best(call: Peer, net: nn.Module, x: Tensor, y: Tensor) -> Callable[[], Tensor]:
    """The peer on these rows in the batch size, 128 or all at once, that was faster in the best of three trials, turn about."""
    trials: dict[str, Callable[[], Tensor]] = {
        str(rows): partial(in_batches, call, net, x, y, rows) for rows in sorted({min(SMALL_BATCH, len(x)), len(x)})
    }
    if len(trials) == 1:
        return trials[str(len(x))]
    seconds = race(trials, TRIALS).seconds
    return trials[min(seconds, key=lambda rows: min(seconds[rows]))]


def in_batches(call: Peer, net: nn.Module, x: Tensor, y: Tensor, rows: int) -> Tensor:
    """What a peer finds on `rows` images at a time, from the same random state in every call."""
    torch.manual_seed(0)
    parts = zip(torch.split(x, rows), torch.split(y, rows), strict=True)
    return torch.cat([call(net, images, labels).detach() for images, labels in parts])
