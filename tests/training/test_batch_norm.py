from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from epsball.errors import InputError
from epsball.training.batch_norm import fold, insert
from epsball.training.fit import fit
from epsball.training.recipe import Recipe

RECIPE = Recipe(epochs=2, batch_size=8, rate=1e-2, batch_norm=True)


def chain() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2)
    )


def images(n: int = 24) -> Tensor:
    return torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def test_only_a_convolution_that_a_relu_follows_is_normalised() -> None:
    net = chain()
    insert(net)
    assert [type(layer).__name__ for layer in net][:4] == ["Conv2d", "BatchNorm2d", "ReLU", "Conv2d"]
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in net) == 1


def test_folding_changes_the_layers_and_not_the_function() -> None:
    net = chain()
    insert(net)
    net.train()
    for _ in range(20):
        net(3 * images() + 1)
    for layer in net:
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.uniform_(layer.bias, -1, 1)
    net.eval()
    before = net(images())
    fold(net)
    assert [type(layer) for layer in net] == [type(layer) for layer in chain()]
    assert torch.allclose(net(images()), before, atol=1e-5)


def test_a_training_with_batch_norm_gives_the_architecture_it_was_given() -> None:
    y = (images()[:, 0, 0, 0] > 0.5).long()
    start = chain()
    trained = fit(copy.deepcopy(start), (images(), y), RECIPE).model.module
    assert trained is not None
    assert list(trained.state_dict()) == list(start.state_dict())
    assert not torch.equal(trained.state_dict()["0.weight"], start.state_dict()["0.weight"])


def test_what_cannot_be_folded_is_refused() -> None:
    y = torch.arange(24) % 2
    with pytest.raises(InputError, match="no convolution is followed by a ReLU"):
        fit(nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), (images(), y), RECIPE)
    with pytest.raises(InputError, match="a Linear; expected a chain of layers"):
        insert(nn.Linear(8, 2))


def test_products_in_bfloat16_still_train_float32_weights() -> None:
    y = (images()[:, 0, 0, 0] > 0.5).long()
    exact = fit(chain(), (images(), y), replace(RECIPE, batch_norm=False))
    lowered = fit(chain(), (images(), y), replace(RECIPE, batch_norm=False, bfloat16=True))
    assert lowered.model.module is not None
    assert {weight.dtype for weight in lowered.model.module.parameters()} == {torch.float32}
    assert lowered.history[-1].loss != exact.history[-1].loss
    assert abs(lowered.history[-1].loss - exact.history[-1].loss) < 0.05
