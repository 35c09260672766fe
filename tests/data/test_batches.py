"""Samples as users have them: one evaluation, whatever they come in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

import epsball as eb
from epsball.data.batches import gathered

if TYPE_CHECKING:
    from collections.abc import Callable

X = torch.rand(10, 3, 4, 4, generator=torch.Generator().manual_seed(0))
Y = torch.arange(10) % 3
PAIRS = TensorDataset(X, Y)


@pytest.mark.parametrize(
    "data",
    [
        (X, Y),
        [X, Y],
        (X.numpy(), Y.numpy()),
        PAIRS,
        Subset(PAIRS, range(10)),
        DataLoader(PAIRS, 4),
        DataLoader(PAIRS, 4, shuffle=True),
        [(X[:7], Y[:7]), (X[7:], Y[7:])],
        (X, Y.tolist()),
        (X, [*Y]),
        [(X[:7], Y[:7].tolist()), (X[7:], tuple(Y[7:]))],
        [*zip(X, Y, strict=True)],
        [*zip(X.numpy(), Y.tolist(), strict=True)],
        [{"pixel_values": X[:3], "labels": Y[:3]}, {"pixel_values": X[3:].numpy(), "labels": Y[3:]}],
    ],
    ids=lambda data: type(data).__name__,
)
def test_the_same_samples_in_the_same_order(data: Any) -> None:
    found = gathered(data)
    assert torch.equal(found.x, X)
    assert torch.equal(found.y, Y)
    assert found.mean is None


class Normalize:
    """What torchvision's transform of that name is."""

    def __init__(self, mean: list[float], std: list[float]) -> None:
        self.mean, self.std = mean, std

    def __call__(self, x: Tensor) -> Tensor:
        return (x - torch.tensor(self.mean)[:, None, None]) / torch.tensor(self.std)[:, None, None]


class Compose:
    """A row of transforms."""

    def __init__(self, *transforms: Callable[[Tensor], Tensor]) -> None:
        self.transforms = transforms

    def __call__(self, x: Tensor) -> Tensor:
        for transform in self.transforms:
            x = transform(x)
        return x


class Pictures(Dataset[tuple[Tensor, Tensor]]):
    """Images with a transform, as a data set of torchvision has it."""

    def __init__(self, transform: Callable[[Tensor], Tensor]) -> None:
        self.transform = transform

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, at: int) -> tuple[Tensor, Tensor]:
        return self.transform(X[at]), Y[at]


MEAN, STD = [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]


@pytest.mark.parametrize("transform", [Normalize(MEAN, STD), Compose(nn.Identity(), Normalize(MEAN, STD))])
def test_a_normalisation_is_undone_and_given_to_the_model(transform: Callable[[Tensor], Tensor]) -> None:
    loader = DataLoader(Subset(Pictures(transform), range(10)), 4)
    found = gathered(loader)
    torch.testing.assert_close(found.x, X, rtol=0, atol=1e-6)
    assert bool(((found.x >= 0) & (found.x <= 1)).all())
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Flatten(), nn.Linear(48, 3))
    y = net(Normalize(MEAN, STD)(X)).argmax(1)
    labelled = [(images, y[4 * number : 4 * number + 4]) for number, (images, _) in enumerate(loader)]
    assert (torch.cat([net(images).argmax(1) for images, _ in labelled]) == y).all()
    threat = eb.Threat("linf", 0.02)
    by_loader = eb.evaluate(net, loader, threat, suite="quick", anyway=True)
    by_hand = eb.evaluate(eb.wrap(net, MEAN, STD), (found.x, Y), threat, suite="quick", anyway=True)
    assert np.array_equal(by_loader.upper, by_hand.upper)
    assert by_loader.plan.model == by_hand.plan.model
    both = r"Normalize\(mean=\[0\.4, 0\.5, 0\.6\], std=\[0\.2, 0\.25, 0\.3\]\), which is undone .* mean=\[0\.5\], std=\[0\.5\]"
    with pytest.warns(eb.errors.LeftOutWarning, match=both):
        own = eb.evaluate(eb.wrap(net, 0.5, 0.5), loader, threat, suite="quick", anyway=True)
    assert own.plan.model.mean == [0.5]


def test_the_same_normalisation_twice_is_not_said(recwarn: pytest.WarningsRecorder) -> None:
    net, threat = nn.Sequential(nn.Flatten(), nn.Linear(48, 3)), eb.Threat("linf", 0.02)
    for (mean, std), own in (((MEAN, STD), ([0.4001, 0.5, 0.6], STD)), (([0.5], [0.25]), ([0.5] * 3, 0.25))):
        eb.evaluate(eb.wrap(net, *own), Pictures(Normalize(mean, std)), threat, suite=[eb.FGSM()], anyway=True)
    assert not recwarn


class Items(Dataset[Any]):
    """A data set of these items."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, at: int) -> Any:
        return self.items[at]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (X, "data was given as Tensor; expected a pair"),
        ("cifar10", "data was given as str"),
        (None, "data was given as NoneType"),
        (3, "data was given as int"),
        ({"x": X, "y": Y}, "data was given as dict"),
        (iter(()), "hold no batch"),
        ([X[:2], X[2:], X], "data was given as a list of Tensor, Tensor, Tensor; expected a pair"),
        ((X, Y, Y), "data was given as a tuple of Tensor, Tensor, Tensor; expected a pair .* inputs and labels alone"),
        ((X, None), "labels were given as None; expected one whole number a row"),
        ((X, [[0], [1, 2]]), "labels were given as .*; expected one whole number a row"),
        ((X, np.array([None] * 10)), "labels were given as an array of type object; expected one whole number a row"),
        ((X, ["cat", "dog"] * 5), r"labels were given as texts such as 'cat'; .* number the classes, names = sorted"),
        ((X.numpy(), np.array(["3"] * 10)), "labels were given as texts such as '3'"),
        (Items([(image, "cat") for image in X]), "labels were given as texts such as 'cat'"),
        (Items([(image, None) for image in X]), "put together .*; expected a label with every image"),
        (Items([(X[0], 1), (X[1, :, :2], 1)]), "put together .*; bring all images to one size"),
        ([(X[0], 1), (X[1, :, :2], 1)], "put together .*; bring all images to one size"),
        (zip(X, Y, strict=True), r"one sample at a time, the first with the label 0; expected batches.* list\(data\)"),
        (([*X], Y), r"inputs were given as a list; .* torch\.stack"),
        ((X.tolist(), Y), r"inputs were given as a list; .* numpy\.array"),
        ((np.array([None] * 10), Y), "inputs were given as an array of type object"),
        ([{"pixels": X, "labels": Y}], "a batch of the data is a dict with pixels, labels"),
        ([(X, Y), (X[:, :, :2], Y)], "do not fit together"),
        ([("a.png", 3)] * 2, "inputs were given as a tuple; expected a tensor"),
    ],
)
def test_what_holds_no_samples_is_refused_in_a_sentence(data: Any, said: str) -> None:
    with pytest.raises(eb.InputError, match=said):
        gathered(data)


def test_items_that_are_no_tensors_need_a_transform() -> None:
    with pytest.raises(eb.InputError, match="add a transform such as ToTensor"):
        gathered(Pictures(lambda _: object()))  # type: ignore[arg-type,return-value] # on purpose


def test_arrays_that_must_not_be_written_to_are_copied() -> None:
    kept = X.numpy().copy()
    kept.setflags(write=False)
    found = gathered((kept, Y.numpy()))
    assert torch.equal(found.x, X)
    found.x.zero_()
    assert np.array_equal(kept, X.numpy())
