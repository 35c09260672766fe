"""How robust is a model? Clean pass, certificates, attacks from cheap to strong, every success checked again."""

from __future__ import annotations

import warnings
from contextlib import closing
from dataclasses import replace
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from epsball.attacks.suites import SUITE_VERSION
from epsball.certification import base as certification
from epsball.data.batches import Gathered, gathered
from epsball.data.streamed import Streamed
from epsball.errors import InputError, LeftOutWarning, brief
from epsball.evaluation import selection
from epsball.evaluation.budget import Budget
from epsball.evaluation.meter import Meter
from epsball.evaluation.plan import differences, make_plan
from epsball.evaluation.replay_check import numbers
from epsball.evaluation.reuse import read_again
from epsball.evaluation.rounds import Rounds, Watch, drawn_order, held_rounds
from epsball.evaluation.runner import Run
from epsball.evaluation.samples import CleanPass, prepare
from epsball.evaluation.thorough import controls
from epsball.models.inputs import part_size
from epsball.models.precision import in_precision_of
from epsball.models.wrap import wrap
from epsball.oracle.batching import IMAGE_DIMENSIONS
from epsball.progress import Progress, shown
from epsball.record import RunFolder
from epsball.record.in_memory import InMemory
from epsball.threat import Threat, replace_eps
from epsball.units import parse_fraction
from epsball.validation import checked_seed, given_threat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from torch.utils.data import Dataset

    from epsball.attacks.base import Attack
    from epsball.certification.base import Certifier
    from epsball.models.model import Model
    from epsball.oracle.batching import Batching
    from epsball.record import Evaluation, Store

_CHUNK = 1024


def evaluate(
    model: Callable[[Tensor], Any] | Model,
    data: tuple[Tensor, Tensor] | Iterable[Any] | Dataset[Any],
    threat: Threat,
    suite: str | Attack | Mapping[str, Attack] | Sequence[Attack] = "standard",
    certifiers: Sequence[str | Certifier] = (),
    out: str | Path | None = None,
    *,
    seed: int = 0,
    progress: Progress | None = None,
    chunk_size: int | None = None,
    every_sample: bool = False,
    thorough: bool = False,
    anyway: bool = False,
    expect_clean: float | str | None = None,
    ids: Sequence[int] | Tensor | None = None,
    source: str = "",
    split: str = "",
    rule: str = "",
    class_names: Sequence[str] | None = None,
    batching: Batching | None = None,
    budget: float | str | Budget | None = None,
) -> Evaluation:
    """Bound every sample's distance to its nearest error, lower <= Δ(x) <= upper.

    A sample that is classified wrongly has lower = upper = 0 and costs nothing more. Attacks inside a ball are run, in the
    given order, on the samples that are robust at ε so far; minimum-norm attacks on all correctly classified ones, at any
    distance. A success counts once a fresh pass in the model's own precision and an own float64 distance show it again.

    Where every attack aims at one class, the samples that have it as their label are left out and counted, and the rest is
    only not turned into that class.

    Args:
        model: a classifier in data units, `eb.wrap(net)` or any callable (N, …) -> (N, K).
        data: inputs x (N, …) in the threat's box and labels y (N,), tensors or arrays; a DataLoader, a Dataset or batches of such
            pairs; a data set of Hugging Face's. A set of more than 128 MiB whose rows can be read one by one is gone through part by
            part. A `Normalize` at the end of a data set's transform is undone, and given to the model where it has none; where it has
            another one, that is applied, which a `LeftOutWarning` says. Pixels of 8 bits are divided by 255, which an
            `EightBitWarning` says. Pictures of several sizes are cut to the model's own, where it has one.
        threat: norm, budget ε in data units (one for all samples) and box.
        suite: a name of `epsball.attacks.suites.SUITES`, of which the attacks that fit norm, budget and inputs are run, with an
            infinite ε "minimal" for "standard", without gradients "blackbox" or "labels"; or attacks, cheap to strong: in a
            row, as names in a dictionary, or by theirs, "fgsm,pgd".
        certifiers: functions (model, x, y, threat) -> (N,) radii within which no error exists, or names of registered ones.
        out: a run folder; what is finished is stored there, and the same call continues a run that was killed. A run that is
            finished is read instead of computed, and has `reused` set.
        seed: seed of all draws.
        progress: called after every micro-batch with the stage, the passes done in all and an estimate of those there will be; a bar
            on a terminal when left out.
        chunk_size: samples that are attacked, checked and stored at a time; 1,024 when left out, and fewer large ones of a set that is
            not held in memory.
        every_sample: run every attack on every correctly classified sample, so that each one's own accuracy is known.
        thorough: after the suite look harder at 32 of the samples that are still robust: without gradients, with 1,000 points of noise,
            with more steps and restarts, and whether the suite's strongest attack finds an adversarial example that was planted. What
            falls counts; checks D07, D10, D11, D12 and D24 say what that means for the rest.
        anyway: attack also a model that guesses on the clean inputs, or is not as it was expected; otherwise the run ends there, with
            that finding.
        expect_clean: clean accuracy, a fraction, that the model has elsewhere; where it has another one here, beyond the interval and
            the rounding of the figure, the run ends after the clean pass with that finding.
        ids: the samples' numbers (N,), row numbers when left out; draws depend on (seed, id) only.
        source: name of the data, for the record; that of what `load_data` gave when left out, as are the next two.
        split: part of the data, for the record.
        rule: which samples of the source these are, for the record: "all", "first" where they are `load_data(source, split, n)`,
            "seed 3" where `seed=3` was given to it.
        class_names: names of the classes in the order of the labels, for the record and for the check of their order; those that the
            data bring along when left out.
        batching: how many samples go through the model at a time, and in which order in memory; chosen by rule when left out.
        budget: the time that all may take, "60s", "5m", "1h" or seconds. The samples, in an order drawn by (seed, id), go through the
            whole suite in rounds; as many whole rounds are run as fit, and the result is about those samples alone. "12 rounds" runs
            the same ones again without a clock. Without a budget the same call goes on with all samples.

    Raises:
        InputError: arguments that cannot be used, or a run folder of another plan, altered, or being written by another run.
        UnfinishedError: the budget was too short for one round.
        FolderLostError: the run folder was moved or deleted meanwhile.
        ModelError: the model failed or answered nonsense.
        UntrustworthyError: an attack found an error where a certificate excludes one.
    """
    if not (out is None or isinstance(out, str | PathLike)):
        raise InputError(f'out was given as {brief(out)}; expected the path of a folder, such as out="run"')
    clock = None if budget is None else Budget.of(budget)
    threat, seed = _checked(threat, chunk_size), checked_seed(seed)
    expected = None if expect_clean is None else parse_fraction(expect_clean, "expect_clean")
    model = wrap(model)
    given = gathered_for(model, data, threat)
    if given.mean is not None and model.mean is None and model.std is None:
        model = replace(model, mean=given.mean, std=given.std)
    _warn_of_two_normalisations(model, given)
    x, y = given.x, given.y
    if chunk_size is None:
        chunk_size = part_size(x.shape) if isinstance(x, Streamed) else _CHUNK
    images = getattr(x, "ndim", IMAGE_DIMENSIONS) == IMAGE_DIMENSIONS
    suite = selection.stand_in(selection.by_name(suite), model, (x, y), threat)
    attacks, proofs = selection.chosen(suite, threat, images=images), certification.chosen(certifiers)
    if thorough and (clock is not None or held_rounds(out)):
        raise InputError(
            "thorough=True was given with a budget of time, which ends when the time does; leave one of them out"
        )
    if thorough:
        attacks |= controls(attacks, threat, x.shape)
    planned = partial(
        make_plan,
        threat=threat,
        source=source or given.origin.source,
        split=split or given.origin.split,
        rule=rule or given.origin.rule,
        class_names=class_names,
        names_of_data=given.class_names,
        cut=given.cut,
        suite=suite if isinstance(suite, str) else "custom",
        suite_version=SUITE_VERSION if isinstance(suite, str) else 0,
        attacks=attacks,
        certifiers=list(proofs),
        seed=seed,
        chunk_size=chunk_size,
        every_sample=every_sample,
    )
    with shown(progress) as moved:
        if clock is not None or held_rounds(out):
            order = drawn_order(given, ids, seed)
            watch = Watch(clock or Budget(), moved)
            meter = Meter(watch, attacks)
            clean = CleanPass(model, order.data, threat, order.ids, batching, selection.targets(attacks), meter)
            rounds = Rounds(clean, planned, threat, watch, meter, chunk_size)
            return rounds.evaluate(out, proofs, attacks, expected, anyway=anyway)
        meter = Meter(moved, attacks)
        samples = prepare(model, (x, y), threat, ids, batching, selection.targets(attacks), meter)
        plan = planned(samples)
        store: Store = InMemory() if out is None else RunFolder.open(out, plan, differences)
        with closing(store):
            if out is not None and store.complete:
                return read_again(out, plan, samples.ids, expected)
            run = Run(samples, threat, plan, store, meter)
            run.start(expected)
            if run.pointless and not anyway:
                return run.stopped()
            run.stages(proofs, attacks)
            return run.finish()


def gathered_for(model: Model, data: Any, threat: Threat) -> Gathered:
    """The samples of what a user has, in the threat's units, of the model's size, and from NumPy in the model's precision."""
    return gathered(in_precision_of(model, data), white=_white(threat), size=model.input_size)


def _warn_of_two_normalisations(model: Model, given: Gathered) -> None:
    """Say which of two is applied where that of the data, which was undone, is not the model's, but for rounding."""
    if given.mean is None or given.std is None:
        return
    undone = given.mean.cpu(), given.std.cpu()
    mean = torch.zeros(1) if model.mean is None else model.mean.detach().float().cpu()
    std = torch.ones(1) if model.std is None else model.std.detach().float().cpu()
    if all(
        (one.numel() == other.numel() or 1 in {one.numel(), other.numel()})
        and torch.allclose(one.flatten(), other, rtol=0.01, atol=0.001)
        for one, other in zip((mean, std), undone, strict=True)
    ):
        return
    warnings.warn(
        f"the transform of the data ends in Normalize({_in_words(*undone)}), which is undone and left out, and the model was given "
        f"{_in_words(mean, std)}, which is applied; give the model the one that it was trained with, or none to have that of the data",
        LeftOutWarning,
        3,
    )


def _in_words(mean: Tensor, std: Tensor) -> str:
    shown = (brief([round(number, 6) for number in part.flatten().tolist()]) for part in (mean, std))
    return "mean={}, std={}".format(*shown)


def _white(threat: Threat) -> float:
    """The largest pixel, 0 where the box does not begin at 0 or has limits per feature."""
    low, high = threat.low, threat.high
    return 0.0 if isinstance(low, Tensor) or isinstance(high, Tensor) or low else float(high)


def _checked(threat: Threat, chunk_size: int | None) -> Threat:
    """The threat with ε as a number."""
    threat = given_threat(threat)
    if np.size(numbers(threat.eps)) != 1:
        raise InputError(
            "ε was given per sample; an evaluation needs one number for all: call the attack itself, or evaluate once per ε"
        )
    if chunk_size is not None and chunk_size < 1:
        raise InputError(f"chunk_size was given as {chunk_size}; expected at least 1 sample")
    return replace_eps(threat, float(threat.eps))
