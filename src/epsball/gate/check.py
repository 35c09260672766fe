"""Evaluate a model and hold it against a baseline, against a least accuracy, or against both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from epsball.attacks.suites import SUITE_VERSION
from epsball.errors import InputError
from epsball.evaluation.evaluate import evaluate, gathered_for
from epsball.evaluation.plan import threat_plan
from epsball.evaluation.samples import fingerprint, in_the_box
from epsball.gate.baseline import AS_IT_WAS, Baseline, paired, read_baseline, write_baseline
from epsball.gate.verdict import Verdict, at_least, at_most
from epsball.models.wrap import wrap
from epsball.units import parse_fraction
from epsball.validation import checked_ids, given_threat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor
    from torch.utils.data import Dataset

    from epsball.attacks.base import Attack
    from epsball.data.batches import Gathered
    from epsball.evaluation.budget import Budget
    from epsball.models.model import Model
    from epsball.oracle.batching import Batching
    from epsball.progress import Progress
    from epsball.record import Evaluation
    from epsball.threat import Threat

MAX_DROP = "2pt"
"""By how much robust accuracy may fall where nothing is said."""
_STANDARD = "standard"
_CUSTOM = "custom"


def check(
    model: Callable[[Tensor], Any] | Model,
    data: tuple[Tensor, Tensor] | Iterable[Any] | Dataset[Any],
    threat: Threat,
    baseline: Baseline | Path | str | None = None,
    *,
    max_drop: float | str = MAX_DROP,
    gate: float | str | None = None,
    write_to: Path | str | None = None,
    suite: str | Attack | Mapping[str, Attack] | Sequence[Attack] | None = None,
    budget: float | str | Budget | None = None,
    out: Path | str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    expect_clean: float | str | None = None,
    ids: Sequence[int] | Tensor | None = None,
    source: str = "",
    split: str = "",
    class_names: Sequence[str] | None = None,
    batching: Batching | None = None,
) -> Verdict:
    """Evaluate a model, and let the 95 % interval decide: wholly within the limit passes, wholly beyond fails, else nothing is told.

    With a baseline the model is evaluated on the baseline's samples, and what is held against `max_drop` is Tango's interval of the
    drop in robust accuracy over those pairs, so that samples which are robust in both, or in neither, blur nothing.

    Args:
        model: as of `evaluate`.
        data: as of `evaluate`; the baseline's samples are looked up among them by their ids.
        threat: norm, budget ε in data units and box; that of the baseline.
        baseline: a file that `write_baseline` wrote, a run folder, or what `read_baseline` read.
        max_drop: the most that robust accuracy may fall, "2pt", "2%" or 0.02.
        gate: the least robust accuracy that passes, "66%" or 0.66.
        write_to: a file that the run is written into as the baseline of later checks, if it can be trusted; with it neither baseline
            nor gate is needed.
        suite: that of the baseline when left out, "standard" without one.
        budget: as of `evaluate`, "5m"; the first of the samples that fit in are evaluated.
        out: a run folder, as of `evaluate`.
        seed: seed of all draws, which may be another than the baseline's.
        progress: as of `evaluate`.
        expect_clean: as of `evaluate`.
        ids: the samples' numbers (n,), row numbers when left out.
        source: name of the data, for the record.
        split: part of the data, for the record.
        class_names: names of the classes in the order of the labels.
        batching: as of `evaluate`.

    Raises:
        InputError: arguments that cannot be used, neither baseline nor gate, or a baseline of other data, another threat or suite.
        UntrustworthyError: the baseline cannot be trusted.
        ModelError: the model failed or answered nonsense.
    """
    threat = given_threat(threat)
    drop = parse_fraction(max_drop, "max_drop")
    least = None if gate is None else parse_fraction(gate, "gate")
    before = baseline if isinstance(baseline, Baseline | None) else read_baseline(baseline)
    if before is None and least is None and write_to is None:
        raise InputError(
            "there is nothing to hold the model against; give a baseline, or a least accuracy as gate 0.6; "
            "--write-baseline robust.json writes a first baseline"
        )
    if not threat.bounded:
        raise InputError("a gate judges robust accuracy at some ε, and none was given; give --eps, such as --eps 8/255")
    model = wrap(model)
    given, numbers = gathered_for(model, data, threat), ids
    suite = _suite(suite, before)
    if before is not None:
        if isinstance(suite, str):
            before.refuse_other(threat_plan(threat), suite, SUITE_VERSION)
        given, numbers = _samples(given, ids, before), before.ids
        _refuse_other_data(given, threat, before)
    run = evaluate(
        model,
        given,
        threat,
        suite=suite,
        out=out,
        seed=seed,
        budget=budget,
        progress=progress,
        expect_clean=expect_clean,
        ids=numbers,
        source=source,
        split=split,
        class_names=class_names,
        batching=batching,
    )
    verdict = judged(run, before, max_drop=drop, gate=least)
    if write_to is not None and verdict.judged:
        write_baseline(run, write_to)
    return verdict


def judged(
    run: Evaluation, baseline: Baseline | None = None, *, max_drop: float = 0.02, gate: float | None = None
) -> Verdict:
    """What a gate says about a run that is there already; arguments as above, as fractions.

    Raises:
        InputError: the baseline is about other samples, another threat or other attacks.
    """
    pairs = None if baseline is None or not run.attacks else paired(run, baseline)
    drop = () if pairs is None else (at_most(pairs, max_drop),)
    least = () if gate is None else (at_least(run, gate),)
    return Verdict(run, (*drop, *least), pairs)


def _suite(suite: Any, baseline: Baseline | None) -> Any:
    if suite is not None:
        return suite
    if baseline is not None and baseline.suite == _CUSTOM:
        raise InputError(
            "the baseline was measured by attacks that were chosen by hand; give the same ones as the suite"
        )
    return _STANDARD if baseline is None else baseline.suite


def _samples(given: Gathered, ids: Any, baseline: Baseline) -> Gathered:
    """The baseline's samples among the data, in its order."""
    n = len(given.x)
    places = {sample: place for place, sample in enumerate(checked_ids(ids, n, torch.device("cpu")).tolist())}
    missing = [sample for sample in baseline.ids if sample not in places]
    if missing:
        raise InputError(
            f"{len(missing)} of the baseline's {len(baseline.ids)} samples are not among the {n} given, the first is sample "
            f"{missing[0]}; give the data that it was measured on, {_named(baseline)}"
        )
    return given.those(np.array([places[sample] for sample in baseline.ids], np.int64))


def _refuse_other_data(given: Gathered, threat: Threat, baseline: Baseline) -> None:
    if fingerprint(in_the_box(given.x, threat), given.y) != baseline.data.fingerprint:
        raise InputError(
            f"the baseline was measured on other data: samples of the same ids have other inputs or labels; {AS_IT_WAS}, "
            f"it is about {_named(baseline)}"
        )


def _named(baseline: Baseline) -> str:
    data = baseline.data
    return " ".join(filter(None, (data.source or "data without a name", data.split)))
