"""The zoo's honest models: none of them may have a FAIL."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lying_models import in_bfloat16, levels
from zoo_models import Specimen
from zoo_networks import cnn, fitted, mlp, soft, transformer

if TYPE_CHECKING:
    from collections.abc import Callable

    from lying_models import Net
    from zoo_networks import Stock

HONEST: list[Specimen] = []


def honest(name: str, data: str, outputs: str = "logits") -> Callable[[Callable[[Stock], Net]], Callable[[Stock], Net]]:
    """Register what builds an honest model; it is its own twin."""

    def add(build: Callable[[Stock], Net]) -> Callable[[Stock], Net]:
        def both(stock: Stock) -> tuple[Net, Net]:
            net = build(stock)
            return net, net

        HONEST.append(Specimen(name, "honest", data, (), both, outputs))
        return build

    return add


honest("standard, 8 pixels", "digits")(lambda stock: stock.mlp)
honest("standard, 28 pixels", "mnist")(lambda stock: stock.cnn)
honest("PGD-trained, 8 pixels", "digits")(lambda stock: stock.hardened(large=False))
honest("PGD-trained, 28 pixels", "mnist")(lambda stock: stock.hardened(large=True))
honest("student at temperature 1, 8 pixels", "digits")(lambda stock: stock.small(mlp, soft(stock.mlp)))
honest("student at temperature 1, 28 pixels", "mnist")(lambda stock: stock.large(cnn, soft(stock.cnn)))
honest("small: one linear layer", "digits")(
    lambda stock: stock.small(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 10)))
)
honest("small: sixteen units", "digits")(
    lambda stock: stock.small(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10)))
)
honest("transformer", "digits")(lambda stock: stock.small(transformer))
honest("bfloat16 under autocast", "mnist")(lambda stock: partial(in_bfloat16, stock.cnn))
honest("batch normalisation in evaluation mode", "mnist")(lambda stock: stock.normed)
honest("log-softmax at the end", "mnist")(lambda stock: nn.Sequential(*stock.cnn, nn.LogSoftmax(1)))
honest("average of 3 by 3 pixels in front", "digits")(lambda stock: nn.Sequential(nn.AvgPool2d(3, 1, 1), *stock.mlp))
honest("GELU and dropout, off in evaluation mode", "digits")(
    lambda stock: stock.small(lambda: mlp(unit=lambda: nn.Sequential(nn.GELU(), nn.Dropout(0.2))))
)


@honest("two networks' mean probability, said to be one", "mnist", "probs")
def _mean(stock: Stock) -> Net:
    one, two = stock.cnn, stock.other
    return lambda x: (one(x).softmax(1) + two(x).softmax(1)) / 2


@honest("bfloat16 weights", "digits")
def _bfloat16(stock: Stock) -> Net:
    net = stock.made(mlp)
    net.load_state_dict(stock.mlp.state_dict())
    net = net.to(torch.bfloat16).eval().requires_grad_(requires_grad=False)
    return lambda x: net(x.to(torch.bfloat16)).to(x.dtype)


@honest("trained on 4-bit images, asked for any", "digits")
def _coarse(stock: Stock) -> Net:
    x, y = stock.digits[0]
    return fitted(stock.made(mlp), (levels(x, 15), y), seed=stock.seed, epochs=40)


@honest("binary: one logit", "parity", "binary")
def _binary(stock: Stock) -> Net:
    x, y = stock.digits[0]
    two = fitted(stock.made(lambda: mlp(classes=2)), (x, y % 2), seed=stock.seed, epochs=40)
    return lambda z: two(z) @ torch.tensor([[-1.0], [1.0]])


@honest("binary: two logits", "parity")
def _two(stock: Stock) -> Net:
    x, y = stock.digits[0]
    return fitted(stock.made(lambda: mlp(classes=2)), (x, y % 2), seed=stock.seed, epochs=40)


@honest("1,000 classes", "triples")
def _thousand(stock: Stock) -> Net:
    net = stock.mlp

    def classify(x: Tensor) -> Tensor:
        hundreds, tens, ones = (net(digit) for digit in torch.tensor_split(x, 3, 3))
        sums: Tensor = hundreds[:, :, None, None] + tens[:, None, :, None] + ones[:, None, None, :]
        return sums.flatten(1)

    return classify
