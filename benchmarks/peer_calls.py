"""Any attack of a peer by name and settings, as a call (network, images, labels) -> images.

A peer is imported where it is called, so that a benchmark without peers runs without them.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from contextlib import contextmanager
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from peers import Peer, peer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ORDERS = {"linf": float("inf"), "l2": 2, "l1": 1, "l0": 0}
NAMES = {"linf": "Linf", "l2": "L2", "l1": "L1", "l0": "L0"}


def foolbox(name: str, eps: float | None = None, **settings: Any) -> Peer:
    """An attack of foolbox; without ε it looks for the nearest error."""

    def call(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        library = peer("foolbox")
        model = library.PyTorchModel(net, bounds=(0, 1), device=x.device)
        return torch.as_tensor(getattr(library.attacks, name)(**settings)(model, x, y, epsilons=eps)[1])

    return call


def torchattacks(name: str, **settings: Any) -> Peer:
    """An attack of torchattacks."""
    return lambda net, x, y: torch.as_tensor(getattr(peer("torchattacks"), name)(net, **settings)(x, y))


def torchattack(name: str, **settings: Any) -> Peer:
    """An attack of torchattack, whose file is named as the class; the package's own `__init__` asks for kornia."""

    def call(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        module = without_init("torchattack", name.lower())
        return torch.as_tensor(getattr(module, name)(net, None, torch.device("cpu"), **settings)(x, y))

    return call


def pyautoattack(name: str, module: str, **settings: Any) -> Peer:
    """One of the original AutoAttack's attacks."""

    def call(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        seed = torch.initial_seed()
        attack = getattr(peer(f"pyautoattack.{module}"), name)(net, device="cpu", seed=seed, verbose=False, **settings)
        return torch.as_tensor(attack.perturb(x, y))

    return call


def adv_lib_call(name: str, *places: Any, **settings: Any) -> Peer:
    """A function of adv-lib, `file.function`; the positional settings come after the labels."""
    file, function = name.rsplit(".", 1)

    def call(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        supply_missing()
        return torch.as_tensor(getattr(peer(f"adv_lib.attacks.{file}"), function)(net, x, y, *places, **settings))

    return call


def art(name: str, *, labels: bool = True, probabilities: bool = False, **settings: Any) -> Peer:
    """An attack of ART; some want probabilities of the network."""

    def call(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        supply_missing()
        evasion = peer("art.attacks.evasion")
        peer("numpy.random").seed(torch.initial_seed() % 2**32)
        model = nn.Sequential(net, nn.Softmax(1)) if probabilities else net
        attack = getattr(evasion, name)(art_classifier(model, x), **settings)
        with in_a_folder_of_its_own():
            found = attack.generate(x.detach().numpy().copy(), y.numpy() if labels else None)
        return torch.as_tensor(found).to(x)

    return call


@contextmanager
def in_a_folder_of_its_own() -> Iterator[None]:
    """Work in a folder that is gone afterwards: an attack of ART writes its tables to where it is run."""
    before = Path.cwd()
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


def art_classifier(net: nn.Module, x: Tensor) -> Any:
    """The network as ART takes it."""
    logging.getLogger("art").setLevel(logging.ERROR)
    with torch.no_grad():
        classes = net(x[:1]).shape[1]
    return peer("art.estimators.classification").PyTorchClassifier(
        model=net, loss=nn.CrossEntropyLoss(), input_shape=tuple(x.shape[1:]), nb_classes=classes, clip_values=(0, 1)
    )


def secml(name: str, **settings: Any) -> Peer:
    """An attack of secml-torch in its own implementation, whose file is named as the class."""

    def call(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        supply_missing()
        creator = getattr(peer(f"secmlt.adv.evasion.{name.lower()}"), name)
        model = peer("secmlt.models.pytorch.base_pytorch_nn").BasePyTorchClassifier(net)
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=len(x))
        found = creator(backend="native", **settings)(model, loader)
        return torch.cat([images for images, _ in found])

    return call


def without_init(package: str, file: str) -> Any:
    """One file of a package, past the package's `__init__`, which imports what none of the attacks here needs."""
    supply_missing()
    found = importlib.util.find_spec(package) if package not in sys.modules else None
    if found is not None and found.origin is not None:
        folder = ModuleType(package)
        folder.__path__ = [str(Path(found.origin).parent)]
        sys.modules[package] = folder
    return peer(f"{package}.{file}")


@cache
def supply_missing() -> Any:
    """What peers import and no attack here calls, operators of torchvision and visdom, and a name that NumPy 2 has no more."""
    numpy = peer("numpy")
    if not hasattr(numpy, "mat"):
        numpy.mat = numpy.asmatrix
    if importlib.util.find_spec("visdom") is None:
        plots = ModuleType("visdom")
        plots.__spec__ = ModuleSpec("visdom", None)
        vars(plots)["Visdom"] = object
        sys.modules["visdom"] = plots
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call] # PyTorch does not annotate it
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call] # as above
    return library


def seeded(call: Peer, seed: int = 0) -> Callable[[nn.Module, Tensor, Tensor], Tensor]:
    """The call from the same random state every time."""

    def run(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        torch.manual_seed(seed)
        return call(net, x, y).detach()

    return run
