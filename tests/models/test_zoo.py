"""The paper's networks: their sizes, their shapes, their seeds."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from epsball.errors import InputError
from epsball.models.networks.catalogue import NETWORKS, build
from epsball.models.networks.layers import Residual

PARAMETERS = {
    "linear": 784 * 10 + 10,
    "mlp-512": 407_050,
    "fc-500-150": 785 * 500 + 501 * 150 + 151 * 10,
    "lenet-mnist": 26 * 20 + (500 + 1) * 50 + 801 * 500 + 501 * 10,
    "lenet-cifar": 76 * 32 + 801 * 32 + 801 * 64 + 1025 * 64 + 65 * 10,
    "nin": 76 * 192 + 193 * 160 + 161 * 96 + 2401 * 192 + 2 * 193 * 192 + 1729 * 192 + 193 * 192 + 193 * 10,
    "cnn-mnist": 166_406,
    **{
        f"capacity-{s}": 26 * 2 * s + (50 * s + 1) * 4 * s + (196 * s + 1) * 64 * s + (64 * s + 1) * 10
        for s in (1, 2, 4, 8, 16)
    },
    "resnet-20": 269_722,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_number_of_parameters_is_that_of_the_paper(name: str) -> None:
    assert sum(weight.numel() for weight in build(name).parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("name", NETWORKS)
def test_images_of_its_own_data_set_become_logits(name: str) -> None:
    with torch.no_grad():
        logits = build(name)(torch.full((2, *NETWORKS[name].shape), 0.5))
    assert logits.shape == (2, 10)
    assert logits.isfinite().all()


def test_shape_and_classes_may_come_from_the_data() -> None:
    net = build("mlp-512", shape=(1, 8, 8), classes=7)
    assert net(torch.zeros(3, 1, 8, 8)).shape == (3, 7)
    assert (net.name, net.shape, net.classes) == ("mlp-512", (1, 8, 8), 7)


@pytest.mark.parametrize("side", [8, 28, 31, 40])
def test_the_cifar_lenet_ends_in_one_pixel_for_any_side(side: int) -> None:
    assert build("lenet-cifar", shape=(3, side, side))(torch.zeros(1, 3, side, side)).shape == (1, 10)


def test_a_seed_decides_the_weights_and_the_global_state_stays() -> None:
    before = torch.get_rng_state()
    first, again, other = build("lenet-mnist", seed=1), build("lenet-mnist", seed=1), build("lenet-mnist", seed=2)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first[0].weight, other[0].weight)  # type: ignore[arg-type] # a convolution's weight is a tensor


def test_lenet_has_no_relu_after_its_convolutions() -> None:
    kinds = [type(layer) for layer in build("lenet-mnist")]
    conv, pool = nn.Conv2d, nn.MaxPool2d
    assert kinds == [conv, pool, conv, pool, nn.Flatten, nn.Linear, nn.ReLU, nn.Linear]


def test_a_shortcut_pads_channels_and_subsamples() -> None:
    block = Residual(2, 4, stride=2).eval()
    for weight in block.branch.parameters():
        nn.init.zeros_(weight)
    x = torch.arange(32.0).reshape(1, 2, 4, 4)
    y = block(x)
    assert torch.equal(y[:, 1:3], x[:, :, ::2, ::2])
    assert not y[:, [0, 3]].any()


@pytest.mark.parametrize("name", NETWORKS)
def test_the_smallest_images_still_become_logits(name: str) -> None:
    shape = (1, NETWORKS[name].least, NETWORKS[name].least)
    assert build(name, shape=shape).eval()(torch.zeros(1, *shape)).shape == (1, 10)


@pytest.mark.parametrize(
    ("name", "shape", "classes", "says"),
    [
        ("mlp-513", None, None, "mlp-512"),
        ("lenet-mnist", (1, 8, 8), None, r"\(1, 28, 28\)"),
        ("lenet-cifar", (3, 4, 4), None, r"\(3, 32, 32\)"),
        ("linear", (784,), None, r"\(C, H, W\)"),
        ("linear", None, 1, "at least 2 classes"),
    ],
)
def test_what_cannot_be_built_is_said(name: str, shape: tuple[int, int, int], classes: int, says: str) -> None:
    with pytest.raises(InputError, match=says):
        build(name, shape=shape, classes=classes)
