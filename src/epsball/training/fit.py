"""The one training loop."""

from __future__ import annotations

import copy
import math
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from epsball.errors import InputError, ModelError
from epsball.models.wrap import Model, wrap
from epsball.oracle.batching import choose_batching
from epsball.oracle.forward import precision
from epsball.training.batch_norm import fold, insert
from epsball.training.checkpoint import Checkpoint, describe
from epsball.training.objectives import Objective, standard
from epsball.training.progress import progress
from epsball.training.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor, nn, optim

_ROWS = 512
"""Rows at once where nothing is trained."""


@dataclass(frozen=True)
class Epoch:
    """One pass over the training set.

    Args:
        number: from 1.
        loss: mean of the objective over its batches.
        accuracy: on the validation set afterwards; None where there is none.
        seconds: it took.
    """

    number: int
    loss: float
    accuracy: float | None
    seconds: float


@dataclass(frozen=True)
class Trained:
    """A trained copy of the model, in evaluation mode, and how it got there."""

    model: Model
    history: tuple[Epoch, ...]


def fit(
    model: Model | nn.Module,
    data: tuple[Tensor, Tensor],
    recipe: Recipe | None = None,
    *,
    objective: Objective = standard,
    validation: tuple[Tensor, Tensor] | None = None,
    seed: int = 0,
    checkpoint: str | Path | None = None,
) -> Trained:
    """Minimise an objective over a training set, in batches that the seed shuffles.

    The same arguments give the same weights to the last bit on the same machine, whether or not the run was cut and taken up
    again: what an epoch draws (order, augmentation, dropout, the attack's starts) depends on the seed and its number alone.

    Args:
        model: with parameters; it is copied, and stays as it is.
        data: x (N, C, H, W) in data units and y (N,).
        recipe: how long, how fast, with which optimiser; `Recipe()` by default.
        objective: batch -> loss.
        validation: x and y on which accuracy is measured after every epoch.
        seed: of all draws; the global random state is left as it was.
        checkpoint: a file that is written before the first epoch and after every one; where it exists, training goes on from it.

    Raises:
        InputError: data or labels that cannot be used; a checkpoint of another run.
        ModelError: the loss is not finite.
        KeyboardInterrupt: as it comes; the checkpoint holds the last complete epoch.
    """
    recipe = Recipe() if recipe is None else recipe
    model = copy.deepcopy(wrap(model))
    net = _trainable(model, *data)
    if recipe.batch_norm:
        insert(net)
    batching = torch.channels_last if choose_batching(model, data[0]).channels_last else torch.contiguous_format
    _lay_out(net, batching)
    optimiser = recipe.optimiser([weight for weight in net.parameters() if weight.requires_grad], recipe.rate)
    kept = Checkpoint(Path(checkpoint), describe(model, *data, objective, recipe, seed)) if checkpoint else None
    history = [Epoch(**epoch) for epoch in kept.restore(net, optimiser)] if kept else []
    run = _Run(model, net, optimiser, recipe, objective, *data, batching)
    with progress(recipe.epochs * run.steps, len(history) * run.steps) as advance:
        if kept and not history:
            kept.save(net, optimiser, [])
        for number in range(len(history) + 1, recipe.epochs + 1):
            started = time.perf_counter()
            loss = run.epoch(number, seed, advance)
            reached = None if validation is None else accuracy(model, *validation)
            history.append(Epoch(number, loss, reached, time.perf_counter() - started))
            if kept:
                kept.save(net, optimiser, [asdict(epoch) for epoch in history])
    if recipe.batch_norm:
        fold(net)
    _lay_out(net.eval(), torch.contiguous_format)
    return Trained(model, tuple(history))


def accuracy(model: Model, x: Tensor, y: Tensor) -> float:
    """Share of the rows whose largest logit is that of their label, in evaluation mode.

    Args:
        model: the classifier.
        x: images (N, C, H, W).
        y: labels (N,).
    """
    device = _device(model)
    with model.frozen(), torch.no_grad():
        right = [
            (model(rows.to(device)).argmax(1).cpu() == labels.cpu()).sum()
            for rows, labels in ((x[i : i + _ROWS], y[i : i + _ROWS]) for i in range(0, len(y), _ROWS))
        ]
    return float(torch.stack(right).sum()) / len(y)


@dataclass(frozen=True, eq=False)
class _Run:
    """What stays the same from one epoch to the next."""

    model: Model
    net: nn.Module
    optimiser: optim.Optimizer
    recipe: Recipe
    objective: Objective
    x: Tensor
    y: Tensor
    batching: torch.memory_format

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        return -(-len(self.y) // self.recipe.batch_size)

    def epoch(self, number: int, seed: int, advance: Callable[[str], object]) -> float:
        """One pass in an order of its own; returns the mean loss."""
        own = int(np.random.SeedSequence((seed, number)).generate_state(1, np.uint64)[0]) >> 1
        draw = torch.Generator().manual_seed(own)
        batches = torch.randperm(len(self.y), generator=draw).tensor_split(self.steps)
        device, total = _device(self.model), 0.0
        self.net.train()
        with _random_state(device, own):
            for step, ids in enumerate(batches, start=1):
                done = ((number - 1) * self.steps + step) / (self.recipe.epochs * self.steps)
                for group in self.optimiser.param_groups:
                    group["lr"] = self.recipe.rate * self.recipe.schedule(done)
                x = self.x[ids] if self.recipe.augment is None else self.recipe.augment(self.x[ids], draw)
                x, y = x.to(device).contiguous(memory_format=self.batching), self.y[ids].to(device)
                with precision(x, bfloat16=self.recipe.bfloat16):
                    loss = self.objective(self.model, x, y, seed=own, ids=ids.to(device))
                value = loss.item()
                if not math.isfinite(value):
                    raise ModelError(
                        f"the loss is {value} at step {step} of epoch {number}; expected a finite number: "
                        f"lower the rate (now {self.recipe.rate}), or look for weights or images that are not finite"
                    )
                self.optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
                self.optimiser.step()
                total += value * len(ids)
                advance(f"epoch {number}/{self.recipe.epochs}, loss {value:.3f}")
        return total / len(self.y)


def _trainable(model: Model, x: Tensor, y: Tensor) -> nn.Module:
    """The network inside the model, once it is certain that it can learn from the data."""
    if model.module is None or not any(weight.requires_grad for weight in model.module.parameters()):
        raise InputError("the model has no parameters to train; give an nn.Module whose parameters require gradients")
    if not x.is_floating_point() or len(x) != len(y) or len(y) == 0 or y.dtype != torch.int64 or y.ndim != 1:
        raise InputError(
            f"the training set is x {tuple(x.shape)} {x.dtype} and y {tuple(y.shape)} {y.dtype}; "
            "expected floats (N, C, H, W) and int64 labels (N,), as load_data gives them"
        )
    with model.frozen(), torch.no_grad():
        classes = model(x[:1].to(_device(model))).shape[1]
    if not 0 <= int(y.min()) <= int(y.max()) < classes:
        raise InputError(
            f"the labels run from {int(y.min())} to {int(y.max())} and the model has {classes} classes; "
            "expected labels from 0: build the model with that many classes"
        )
    return model.module


def _lay_out(net: nn.Module, batching: torch.memory_format) -> None:
    net.to(memory_format=batching)  # type: ignore[call-overload] # torch takes it and leaves it out of its stubs


def _device(model: Model) -> torch.device:
    weight = None if model.module is None else next(model.module.parameters(), None)
    return torch.device("cpu") if weight is None else weight.device


@contextmanager
def _random_state(device: torch.device, seed: int) -> Iterator[None]:
    """Seed what layers draw from, such as dropout's masks, and put it back as it was."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.default_generators[torch.cuda.current_device()].manual_seed(seed)
        yield
