"""The one training loop."""

from __future__ import annotations

import copy
import math
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from epsball import diagnostics
from epsball.errors import InputError, ModelError
from epsball.models import freezing
from epsball.models.wrap import wrap
from epsball.oracle.forward import precision
from epsball.progress import Progress, shown
from epsball.randomness import generator_seed
from epsball.training.batch_norm import fold, insert
from epsball.training.checkpoint import Checkpoint, State, describe, details
from epsball.training.history import Epoch, Trained
from epsball.training.objectives import Objective, standard
from epsball.training.objectives.base import Robust, warmed
from epsball.training.recipe import Recipe
from epsball.training.samples import checked_labels, checked_samples, checked_variety
from epsball.training.step import Gradients, memory_format
from epsball.training.validation import (
    Measured,
    Validation,
    checked_answers,
    checked_budget,
    classes_of,
    device_of,
    predicted,
)
from epsball.validation import checked_seed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor, nn, optim

    from epsball.models.model import Model
    from epsball.record import Finding
    from epsball.threat import Threat

_TRIED = 512
"""Samples of the training set on which the last weights are tried where none are held out."""


def fit(
    model: Model | nn.Module,
    data: tuple[Tensor, Tensor],
    recipe: Recipe | None = None,
    *,
    objective: Objective = standard,
    validation: tuple[Tensor, Tensor] | None = None,
    threat: Threat | None = None,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    progress: Progress | None = None,
    on_epoch: Callable[[Epoch], object] | None = None,
) -> Trained:
    """Minimise an objective over a training set, in batches that the seed shuffles.

    The same arguments give the same weights to the last bit on the same machine, whether or not the run was cut and taken up
    again: what an epoch draws (order, augmentation, dropout, the attack's starts) depends on the seed and its number alone.

    Args:
        model: an `nn.Module`, or a wrapped one; it is copied, and stays as it is. The copy has no `source`: loaded again by that name,
            it would have other weights.
        data: x (N, C, H, W) in data units and y (N,).
        recipe: how long, how fast, with which optimiser; `Recipe()` by default.
        objective: batch -> loss.
        validation: x and y on which accuracy is measured after every epoch, and robust accuracy where there is a threat.
        threat: of that robust accuracy; the objective's own when left out, and none where it has none.
        seed: of all draws; the global random state is left as it was.
        checkpoint: a file that is written before the first epoch and after every one; where it exists, training goes on from it.
        progress: called with (stage, batches done, batches to do); a bar on a terminal when left out.
        on_epoch: called with every epoch as it is finished, first with those that the checkpoint holds.

    Raises:
        InputError: data or labels that cannot be used; a checkpoint of another run.
        ModelError: the loss is not finite, or a pass through the network failed.
        KeyboardInterrupt: as it comes; the checkpoint holds the last complete epoch.
    """
    recipe = Recipe() if recipe is None else recipe
    seed = generator_seed(checked_seed(seed))
    data = checked_samples(data, "training")
    validation = None if validation is None else checked_samples(validation, "validation")
    model = wrap(model)
    with freezing.alone(model.modules):
        model = replace(copy.deepcopy(model), source="")  # which names a network of other weights
    net = _trainable(model, *data, validation)
    if recipe.batch_norm:
        insert(net)
    batching = memory_format(model, data[0])
    _lay_out(net, batching)
    optimiser = recipe.optimiser([weight for weight in net.parameters() if weight.requires_grad], recipe.rate)
    against = checked_budget(objective.threat if threat is None and isinstance(objective, Robust) else threat)
    held_out = None if validation is None else Validation(*validation, against, seed)
    spec = describe(model, *data, objective, recipe, seed, validation) | details(model, objective, recipe, against)
    state = State(net, optimiser)
    file = Checkpoint(Path(checkpoint), spec) if checkpoint else None
    run = _Run(model, net, optimiser, recipe, objective, *data, batching)
    with shown(progress) as moved:
        history = _epochs(run, state, held_out, file, seed, moved, on_epoch or (lambda _: None))
    peak = None if state.best is None else _finished(model, recipe, state.best)
    last = _finished(model, recipe)
    attacked = [epoch for epoch in history if epoch.robust is not None and isinstance(objective, Robust)]
    return Trained(last, tuple(history), peak, tuple(_findings(last, attacked, data, validation, recipe)))


def _findings(
    model: Model,
    attacked: list[Epoch],
    data: tuple[Tensor, Tensor],
    validation: tuple[Tensor, Tensor] | None,
    recipe: Recipe,
) -> list[Finding]:
    """What the checks say of the last weights, and of the way there where it was to make them robust."""
    x, y = (data[0][:_TRIED], data[1][:_TRIED]) if validation is None else validation
    return diagnostics.after_training(
        diagnostics.TrainingHistory(
            label=y.cpu().numpy(),
            predicted=predicted(model, x).numpy(),
            classes=classes_of(model, x),
            held_out=validation is not None,
            robust=np.array([epoch.robust for epoch in attacked], np.float64),
            fgsm=np.array([epoch.fgsm for epoch in attacked], np.float64),
            steps=recipe.epochs * math.ceil(len(data[0]) / recipe.batch_size),
        )
    )


def _epochs(
    run: _Run,
    state: State,
    held_out: Validation | None,
    file: Checkpoint | None,
    seed: int,
    moved: Progress,
    finished: Callable[[Epoch], object],
) -> list[Epoch]:
    """All epochs, those that the checkpoint holds already included; the state afterwards is that of the last."""
    if file:
        file.restore(state)
        if not state.history:
            file.save(state)
    history = [Epoch(**epoch) for epoch in state.history]
    for epoch in history:
        finished(epoch)
    for number in range(len(history) + 1, run.recipe.epochs + 1):
        started = time.perf_counter()
        loss = run.epoch(number, seed, moved)
        found = Measured() if held_out is None else held_out.measure(run.model)
        spent = time.perf_counter() - started
        epoch = Epoch(number, loss, seconds=spent, **found._asdict())
        if epoch.merit > max((earlier.merit for earlier in history), default=-math.inf):
            state.best = {name: value.detach().cpu().clone() for name, value in run.net.state_dict().items()}
        history.append(epoch)
        state.history.append(asdict(epoch))
        if file:
            file.save(state)
        finished(epoch)
    return history


def _finished(model: Model, recipe: Recipe, weights: dict[str, Tensor] | None = None) -> Model:
    """The model as it is handed out, in evaluation mode and without traces of training; with other weights, a copy of it."""
    model = model if weights is None else copy.deepcopy(model)
    net = cast("nn.Module", model.module)
    if weights is not None:
        net.load_state_dict(weights)
    if recipe.batch_norm:
        fold(net)
    _lay_out(net.eval(), torch.contiguous_format)
    return model


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

    def epoch(self, number: int, seed: int, moved: Progress) -> float:
        """One pass in an order of its own; returns the mean loss."""
        own = int(np.random.SeedSequence((seed, number)).generate_state(1, np.uint64)[0]) >> 1
        draw = torch.Generator().manual_seed(own)
        batches = torch.randperm(len(self.y), generator=draw).tensor_split(self.steps)
        device, total, everything = device_of(self.model), 0.0, self.recipe.epochs * self.steps
        gradients = Gradients(self.net.train())
        with _random_state(device, own):
            for step, ids in enumerate(batches, start=1):
                done = (number - 1) * self.steps + step
                for group in self.optimiser.param_groups:
                    group["lr"] = self.recipe.rate * self.recipe.schedule(done / everything)
                x = self.x[ids] if self.recipe.augment is None else self.recipe.augment(self.x[ids], draw)
                x, y = x.to(device).contiguous(memory_format=self.batching), self.y[ids].to(device)
                objective = warmed(self.objective, self.recipe.budget(done / everything))
                loss = partial(self._loss, objective, x, y, ids.to(device), own)
                value = gradients(loss, len(ids))
                if not math.isfinite(value):
                    raise ModelError(
                        f"the loss is {value} at step {step} of epoch {number}; expected a finite number: "
                        f"lower the rate (now {self.recipe.rate}), or look for weights or images that are not finite"
                    )
                self.optimiser.step()
                total += value * len(ids)
                moved(f"epoch {number}/{self.recipe.epochs}", done, everything)
        return total / len(self.y)

    def _loss(self, objective: Objective, x: Tensor, y: Tensor, ids: Tensor, seed: int, rows: slice) -> Tensor:
        """The mean over some rows of a batch."""
        with precision(x, bfloat16=self.recipe.bfloat16):
            return objective(self.model, x[rows], y[rows], seed=seed, ids=ids[rows])


def _trainable(model: Model, x: Tensor, y: Tensor, validation: tuple[Tensor, Tensor] | None) -> nn.Module:
    """The network inside the model, once it is certain that it can learn from the data."""
    if model.module is None or not any(weight.requires_grad for weight in model.module.parameters()):
        raise InputError("the model has no parameters to train; give an nn.Module whose parameters require gradients")
    classes = checked_answers(model, x)
    checked_labels(y, classes, "training")
    checked_variety(y)
    if validation is not None:
        checked_labels(validation[1], classes, "validation")
    return model.module


def _lay_out(net: nn.Module, batching: torch.memory_format) -> None:
    net.to(memory_format=batching)  # type: ignore[call-overload] # torch takes it and leaves it out of its stubs


@contextmanager
def _random_state(device: torch.device, seed: int) -> Iterator[None]:
    """Seed what layers draw from, such as dropout's masks, and put it back as it was."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.default_generators[torch.cuda.current_device()].manual_seed(seed)
        yield
