"""ONNX files as models: what the graph computes, for any batch size, with gradients, and every file that must be refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typer.testing import CliRunner

import epsball as eb
from epsball.cli import app
from epsball.models.adapters import base
from epsball.models.adapters import onnx as adapter
from epsball.models.load import load_model

if TYPE_CHECKING:
    from collections.abc import Sequence

if sys.version_info < (3, 11):
    pytest.skip("onnx2fx takes no Python older than 3.11", allow_module_level=True)

import onnx
from onnx import TensorProto, helper, numpy_helper

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
IMAGES = torch.rand(5, 4, 9, 9, generator=torch.Generator().manual_seed(1))


def weights() -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=draw) / 3

    named = {"w1": normal(6, 2, 3, 3), "b1": normal(6), "w2": normal(5, 6, 1, 1), "w3": normal(7, 99), "b3": normal(7)}
    positive = {name: torch.rand(6, generator=draw) + 0.5 for name in ("scale", "variance")}
    return named | positive | {"shift": normal(6), "mean": normal(6)}


def by_hand(x: Tensor) -> Tensor:
    """What `write` puts into a file, in PyTorch: the operators of AlexNet, GoogLeNet and ResNet, in small."""
    w = weights()
    x = F.conv2d(F.pad(x, (1, 0, 1, 2)), w["w1"], w["b1"], groups=2)
    x = F.local_response_norm(F.relu(x), 3, alpha=0.3, beta=0.75, k=1.5)
    x = F.batch_norm(x, w["mean"], w["variance"], w["scale"], w["shift"], eps=1e-3)
    left = F.max_pool2d(F.pad(x, (0, 1, 0, 1), value=-torch.inf), 3, 2)
    right = F.avg_pool2d(F.conv2d(x, w["w2"]), 3, 2, padding=1, count_include_pad=False)[..., :3, :3]
    both = torch.cat((left[..., :3, :3], right), 1).reshape(len(x), -1)
    return both @ w["w3"].T + w["b3"]


def write(path: Path, *, batch: int | str = 1, last: Sequence[Any] = (), opset: int = 13) -> str:
    """Save that network, with a Softmax at its end, and return its MODEL string."""
    node = helper.make_node
    ends = {"starts": [0, 0], "ends": [3, 3], "axes": [2, 3]}
    shapes = {"flat": [batch if isinstance(batch, int) else 0, 99]}
    nodes = [
        node("Conv", ["images", "w1", "b1"], ["c"], group=2, pads=[1, 1, 2, 0]),
        node("Relu", ["c"], ["r"]),
        node("LRN", ["r"], ["l"], size=3, alpha=0.3, beta=0.75, bias=1.5),
        node("BatchNormalization", ["l", "scale", "shift", "mean", "variance"], ["n"], epsilon=1e-3),
        node("MaxPool", ["n"], ["m"], kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1]),
        node("Conv", ["n", "w2"], ["k"]),
        node("AveragePool", ["k"], ["a"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        node("Slice", ["m", *ends], ["ms"]),
        node("Slice", ["a", *ends], ["as"]),
        node("Concat", ["ms", "as"], ["both"], axis=1),
        node("Reshape", ["both", "flat"], ["row"]),
        node("Dropout", ["row"], ["kept"]),
        node("Gemm", ["kept", "w3", "b3"], ["scores"], transB=1),
        *(last or [node("Softmax", ["scores"], ["classes"], axis=1)]),
    ]
    tensors = [numpy_helper.from_array(value.numpy(), name) for name, value in weights().items()]
    tensors += [helper.make_tensor(name, TensorProto.INT64, [2], v) for name, v in (ends | shapes).items()]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 4, 9, 9])],
        [helper.make_tensor_value_info("classes", TensorProto.FLOAT, None)],
        tensors,
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("elsewhere", 1)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=8), str(path))
    return f"onnx:{path}"


@pytest.mark.parametrize("batch", [1, 5, "N"])
def test_any_number_of_images_gives_the_logits_before_the_softmax(tmp_path: Path, batch: int | str) -> None:
    model = load_model(write(tmp_path / "small.onnx", batch=batch))
    for images in (IMAGES, IMAGES[:2], IMAGES[:1]):
        torch.testing.assert_close(model(images), by_hand(images), rtol=1e-5, atol=1e-5)


def test_gradients_are_those_of_the_same_network_in_pytorch(tmp_path: Path) -> None:
    model = load_model(write(tmp_path / "small.onnx"))
    x, z = (IMAGES.clone().requires_grad_() for _ in range(2))
    ours, theirs = (
        torch.autograd.grad(F.cross_entropy(net(v), torch.arange(5)), v)[0] for net, v in ((model, x), (by_hand, z))
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
    assert ours.abs().sum() > 0


def test_a_softmax_elsewhere_stays(tmp_path: Path) -> None:
    node = helper.make_node
    ends = [node("Softmax", ["scores"], ["p"], axis=1), node("Add", ["p", "p"], ["classes"])]
    model = load_model(write(tmp_path / "small.onnx", last=ends))
    torch.testing.assert_close(model(IMAGES).sum(1), torch.full((5,), 2.0))


def test_scores_of_one_pixel_become_a_table(tmp_path: Path) -> None:
    ends = [helper.make_node("Unsqueeze", ["scores", "axes"], ["classes"])]
    model = load_model(write(tmp_path / "small.onnx", last=ends))
    assert model(IMAGES).shape == (5, 7)


@pytest.mark.parametrize("name", ["light_inception_v1", "light_bvlc_alexnet", "light_squeezenet"])
def test_networks_of_the_onnx_package_give_what_it_expects(name: str) -> None:
    expected = numpy_helper.to_array(onnx.load_tensor(str(LIGHT / f"{name}_output_0.pb"))).reshape(1, -1)
    count = 3 * 224 * 224
    images = torch.arange(count).reshape(1, 3, 224, 224) / count  # what onnx.backend.test.runner feeds them
    with torch.no_grad():
        logits = load_model(f"onnx:{LIGHT / name}.onnx")(torch.cat((images, images)))
    np.testing.assert_allclose(F.softmax(logits, 1).numpy(), np.repeat(expected, 2, 0), rtol=1e-5)


def test_logits_are_compared_where_the_package_keeps_them() -> None:
    expected = numpy_helper.to_array(onnx.load_tensor(str(LIGHT / "light_densenet121_output_0.pb")))
    images = torch.arange(3 * 224 * 224).reshape(1, 3, 224, 224) / (3 * 224 * 224)
    with torch.no_grad():
        logits = load_model(f"onnx:{LIGHT / 'light_densenet121'}.onnx")(images)
    np.testing.assert_allclose(logits.numpy(), expected.reshape(1, -1), rtol=1e-4)


def test_attacks_find_errors_and_a_run_can_be_verified(tmp_path: Path) -> None:
    spec = write(tmp_path / "small.onnx")
    model = load_model(spec)
    assert model.source == spec
    assert model.fingerprint() == load_model(spec).fingerprint() != ""
    y = model(IMAGES).argmax(1)
    found = eb.DeepFool()(model, IMAGES, y, eb.Threat(eb.l2))
    assert found.success.all()
    eb.evaluate(model, (IMAGES, y), eb.Threat(eb.linf, 0.3), suite="quick", out=tmp_path / "run")
    assert eb.verify(tmp_path / "run", trust_source=True).complete


def test_a_file_is_known_by_the_end_of_its_name(tmp_path: Path) -> None:
    spec = write(tmp_path / "small.onnx")
    bare = load_model(spec.removeprefix("onnx:"))
    assert bare.source == spec
    torch.testing.assert_close(bare(IMAGES), by_hand(IMAGES), rtol=1e-5, atol=1e-5)


def test_the_command_line_takes_a_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=IMAGES.numpy(), y=by_hand(IMAGES).argmax(1).numpy())
    words = ["--data", str(tmp_path / "data.npz"), "--norm", "linf", "--eps", "0.01", "--suite", "fgsm", "--json"]
    said = CliRunner().invoke(app, ["evaluate", write(tmp_path / "small.onnx"), *words])
    assert said.exit_code == 0, said.output
    assert json.loads(said.stdout)["clean_accuracy"] == 1


def test_other_weights_may_take_the_place_of_those_in_the_file(tmp_path: Path) -> None:
    spec = write(tmp_path / "a@b.onnx")
    model = load_model(spec)
    assert model.module is not None
    with torch.no_grad():
        for weight in model.module.parameters():
            weight.mul_(2)
    eb.save_weights(model, tmp_path / "twice.safetensors")
    again = load_model(f"{spec}@{tmp_path / 'twice.safetensors'}")
    assert again.source == f"{spec}@{tmp_path / 'twice.safetensors'}"
    assert again.fingerprint() == model.fingerprint() != load_model(spec).fingerprint()


def test_caffes_networks_take_data_units() -> None:
    x = torch.rand(2, 3, 4, 4)
    red, green, blue = (x * 255).unbind(1)
    expected = torch.stack((blue - 104, green - 117, red - 123), 1)
    torch.testing.assert_close(adapter.CaffePixels()(x), expected)
    model = adapter.caffe_inputs(nn.Flatten())
    torch.testing.assert_close(model(x), expected.flatten(1))
    torch.testing.assert_close(
        adapter.CaffePixels((1, 2, 3))(x), expected + torch.tensor([103, 115, 120.0])[:, None, None]
    )
    for taken in (eb.wrap(nn.Flatten(), mean=0.5), eb.wrap(lambda images: images.flatten(1))):
        with pytest.raises(eb.InputError, match="bare network"):
            adapter.caffe_inputs(taken)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(eb.InputError, match=r"no file .*nothing.onnx"):
        load_model(f"onnx:{tmp_path / 'nothing.onnx'}")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_said_to_be_so(tmp_path: Path, share: float) -> None:
    path = tmp_path / "small.onnx"
    write(path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(eb.InputError, match="only a part of one"):
        load_model(f"onnx:{path}")


@pytest.mark.parametrize(
    "content", [b"<!DOCTYPE html><html>", b"version https://git-lfs.github.com/spec/v1\n", b"PK\x03\x04"]
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "small.onnx"
    path.write_bytes(content)
    with pytest.raises(eb.InputError, match="git lfs pull"):
        load_model(f"onnx:{path}")


def test_an_operator_that_cannot_be_converted_is_named(tmp_path: Path) -> None:
    ends = [helper.make_node("Polish", ["scores"], ["classes"], domain="elsewhere")]
    with pytest.raises(eb.InputError, match=r"uses the operator elsewhere\.Polish"):
        load_model(write(tmp_path / "small.onnx", last=ends))


@pytest.mark.parametrize("within", [False, True])
def test_an_operator_of_a_domain_that_the_file_does_not_import_is_named(tmp_path: Path, *, within: bool) -> None:
    path, polish = tmp_path / "small.onnx", helper.make_node("Polish", ["scores"], ["classes"], domain="my.ops")
    body = helper.make_graph([polish], "b", [], [helper.make_tensor_value_info("classes", TensorProto.FLOAT, None)])
    either = helper.make_node("If", ["scores"], ["classes"], then_branch=body, else_branch=body)
    write(path, last=[either if within else polish])
    said = (
        r"operator my\.ops\.Polish, and does not say which version of my\.ops; add my\.ops .* or export .* eb\.wrap\("
    )
    with pytest.raises(eb.InputError, match=said):
        load_model(f"onnx:{path}")


@pytest.mark.parametrize("opset", [0, 999])
def test_an_opset_that_nobody_here_knows_is_refused(tmp_path: Path, opset: int) -> None:
    """Its operators may compute something else."""
    with pytest.raises(eb.InputError, match=rf"is of opset {opset}, and the installed onnx knows 1 to \d+"):
        load_model(write(tmp_path / "net.onnx", opset=opset))


def test_a_graph_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.onnx"
    write(path)
    model = onnx.load(str(path))
    model.graph.input.append(helper.make_tensor_value_info("sizes", TensorProto.FLOAT, None))
    onnx.save(model, str(path))
    with pytest.raises(eb.InputError, match="the inputs images, sizes and the outputs classes; expected one input"):
        load_model(f"onnx:{path}")


def test_a_package_that_is_missing_is_named_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "find_spec", lambda name: None if name == "onnx2fx" else object())
    with pytest.raises(eb.InputError, match=r'package onnx2fx, .*pip install "epsball\[onnx\]"'):
        load_model(f"onnx:{tmp_path / 'small.onnx'}")


def write_fixed(path: Path, batch: int) -> str:
    """Save an affine network that lays its rows out by a shape that it computes, for batches of one size only."""
    node = helper.make_node
    nodes = [
        node("Concat", ["rows", "rest"], ["shape"], axis=0),
        node("Reshape", ["images", "shape"], ["row"]),
        node("MatMul", ["row", "w"], ["scores"]),
    ]
    tensors = [numpy_helper.from_array(WEIGHT.numpy(), "w")]
    tensors += [helper.make_tensor(n, TensorProto.INT64, [1], [v]) for n, v in (("rows", batch), ("rest", -1))]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "fixed",
        [value("images", TensorProto.FLOAT, [batch, 1, 2, 2])],
        [value("scores", TensorProto.FLOAT, [batch, 3])],
        tensors,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
    return f"onnx:{path}"


WEIGHT = torch.randn(4, 3, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("batch", [1, 4])
def test_a_graph_for_batches_of_one_size_is_run_in_groups_of_it(tmp_path: Path, batch: int) -> None:
    model = load_model(write_fixed(tmp_path / "fixed.onnx", batch))
    x = torch.rand(11, 1, 2, 2, generator=torch.Generator().manual_seed(4))
    torch.testing.assert_close(model(x), x.flatten(1) @ WEIGHT)
    run = eb.evaluate(model, (x, model(x).argmax(1)), eb.Threat("linf", 0.01), suite=[eb.FGSM()])
    assert run.clean_accuracy == 1
    (found,) = (finding for finding in run.findings if finding.id == "D40")
    assert ("row by row" if batch == 1 else "in groups of 4 rows") in found.message
