"""Every adapter beside the package that it reads from: answers, gradients, clean and robust accuracy, on networks trained here.

A row is a function `(Digits, folder) -> Row`: it writes what the package would write, reads it with `epsball.load_model`, and names the
package's own answers (images in [0, 1] -> logits) and the same weights as a plain PyTorch module. To add one, write such a function
and put it into `ROWS`; a package that is not here is left out, and said so.

make bench ARGS=adapters
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import tempfile
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

import epsball as eb
from harness import Line, publish, read_options

if TYPE_CHECKING:
    from collections.abc import Callable

EPS = 0.05
SLOPE = 1e-5
EPOCHS = 20


class Digits(NamedTuple):
    """Embedded digits: 16 x 16 greys as three equal channels, to train with and to attack."""

    training: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Row:
    """One adapter: the model that it read, the package's own answers, and the same weights in plain PyTorch."""

    package: str
    model: eb.Model
    own: Callable[[Tensor], Tensor]
    plain: Callable[[Tensor], Tensor]


def digits(rows: int) -> Digits:
    """2,000 images for training and some for the attack."""

    def small(split: str, n: int) -> tuple[Tensor, Tensor]:
        x, y = eb.load_data("mnist-5k", split, n)
        return nn.functional.interpolate(x, (16, 16), mode="area").expand(-1, 3, -1, -1).contiguous(), y

    return Digits(small("train", 2000), small("test", rows))


def plain() -> nn.Module:
    """A small network of two layers of convolution."""
    body = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), nn.ReLU()
    )
    return nn.Sequential(body, nn.Flatten(), nn.Linear(144, 10))


def trained(net: nn.Module, data: Digits, mean: Any = None, std: Any = None) -> nn.Module:
    """The network after a few seconds of Adam on images with that normalisation."""
    forward = eb.wrap(net, mean, std).as_it_is
    x, y = data.training
    steps = torch.optim.Adam(net.train().parameters(), 2e-3)
    for _ in range(EPOCHS):
        for some in torch.randperm(len(x)).split(100):  # type: ignore[no-untyped-call] # PyTorch leaves it untyped
            steps.zero_grad()
            nn.functional.cross_entropy(forward(x[some]), y[some]).backward()  # type: ignore[no-untyped-call] # PyTorch leaves it untyped
            steps.step()
    return net.eval()


def torchscript(data: Digits, folder: Path) -> Row:
    """A scripted network."""
    net, file = trained(plain(), data), folder / "net.pt"
    script: Any = torch.jit
    script.save(script.script(net), file)
    return Row("torch", eb.load_model(str(file)), script.load(file), net)


def export(data: Digits, folder: Path) -> Row:
    """A graph for batches of four."""
    net, file = trained(plain(), data), folder / "net.pt2"
    torch.export.save(torch.export.export(net, (data.test[0][:4],)), file)
    graph = torch.export.load(file).module()
    return Row("torch", eb.load_model(str(file)), lambda x: torch.cat([graph(each) for each in torch.split(x, 4)]), net)


def timm(data: Digits, folder: Path) -> Row:
    """A ResNet of ten layers, with its own data configuration."""
    package: Any = importlib.import_module("timm")
    net = package.create_model("resnet10t", num_classes=10)
    own = package.data.resolve_model_data_config(net)
    trained(net, data, own["mean"], own["std"])
    eb.save_weights(net, folder / "timm.safetensors")
    model = eb.load_model(f"timm:resnet10t@{folder}/timm.safetensors")
    mean, std = (torch.tensor(own[each])[:, None, None] for each in ("mean", "std"))
    return Row("timm", model, lambda x: net((x - mean) / std), eb.wrap(net, own["mean"], own["std"]))


ROWS: dict[str, tuple[str, Callable[[Digits, Path], Row]]] = {
    "torchscript": ("torch", torchscript),
    "export": ("torch", export),
    "timm": ("timm", timm),
}
"""Each adapter with the package that it needs."""


def supply_missing() -> Any:
    """The operators of a torchvision built for another PyTorch, as the tests name them."""
    sys.path.append(str(Path(__file__).parent.parent / "tests"))
    return importlib.import_module("torchvision_here").supply_missing()


def lines(name: str, row: Row, data: Digits) -> list[Line]:
    """The row in figures: differences from the package's own, which are to vanish."""
    x, y = data.test
    against = f"{row.package} {version(row.package)}"
    slopes, clean = [], []
    for answer in (row.model, row.own):
        point = x.clone().requires_grad_()
        logits = answer(point)
        slopes.append(torch.autograd.grad(nn.functional.cross_entropy(logits, y, reduction="sum"), point)[0])
        clean.append(float((logits.argmax(1) == y).double().mean()))
    runs = [eb.evaluate(each, (x, y), eb.Threat("linf", EPS), suite="quick") for each in (row.model, row.plain)]
    robust = [run.robust_accuracy(EPS) for run in runs]
    return [
        Line(
            name, against, "clean accuracy less the package's own", abs(clean[0] - clean[1]), "<= 0", f"{clean[0]:.1%}"
        ),
        Line(
            name, against, "gradient less its own, largest", float((slopes[0] - slopes[1]).abs().max()), f"<= {SLOPE}"
        ),
        Line(
            name,
            "plain torch",
            f"robust accuracy at {EPS} less",
            abs(robust[0] - robust[1]),
            "<= 0",
            f"{robust[0]:.1%}",
        ),
    ]


def main() -> None:
    """Measure every adapter whose package is here."""
    options = read_options(__doc__)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    warnings.simplefilter("ignore")
    operators, data, found = supply_missing(), digits(min(options.rows, 200)), list[Line]()
    for name, (package, make) in ROWS.items():
        if importlib.util.find_spec(package) is None:
            print(f"{name} is left out: {package} is not here")
            continue
        torch.manual_seed(0)
        with tempfile.TemporaryDirectory() as folder:
            found += lines(name, make(data, Path(folder)), data)
    publish("adapters", options, found)
    del operators


if __name__ == "__main__":
    main()
