"""Are the samples those that the record's rule draws from the set that it names, or picked ones?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from epsball.data.load import SPLITS, load_data
from epsball.data.source import SOURCES
from epsball.errors import InputError
from epsball.evaluation.rounds import in_order
from epsball.models.forward import numpy_of
from epsball.record.plan import data_fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from epsball.record.plan import DataPlan, Plan


def picked(plan: Plan, ids: NDArray[np.int64], data: str | None, notes: list[str]) -> Iterator[str]:
    """A sentence if the record's rule draws other samples than the record holds.

    Args:
        plan: of the run.
        ids: of its samples, in order.
        data: the name or path of the set; the one that the record names, where that needs no network, when left out.
        notes: where what cannot be checked is added.

    Raises:
        InputError: the set that the verifier names cannot be read.
    """
    about = plan.data
    n = plan.budget.samples if plan.budget else about.n + about.left_out
    if SOURCES.is_own(about.source) and about.split not in ("", *SPLITS):
        yield f"the record is about the split {about.split!r} of {about.source}, which has {' and '.join(SPLITS)}"
        return
    named = data or (about.source if _is_here(about) else "")
    if not (about.rule and named):
        notes.append(_unchecked(about, given=bool(data)))
        return
    try:
        x, y = _drawn(about, named, n)
    except InputError as error:
        if data:
            raise
        notes.append(f"the samples were not compared with {named}: {error}")
        return
    if about.rule == "all" and len(y) != n:
        yield f"the record is about all samples of {named}, which has {len(y)}, and holds {n}"
        return
    numbers = np.arange(len(y))
    if plan.budget:
        numbers = in_order(torch.from_numpy(numbers), plan.seed)[: about.n + about.left_out]
    numbers = numbers[~np.isin(y[numbers], plan.targets)]
    x, y = x[numbers], y[numbers]
    if len(y) != about.n or data_fingerprint(x, y) != about.fingerprint or not np.array_equal(numbers, ids):
        yield (
            f"the samples are not those of {named} that the rule {about.rule!r} gives for n = {n}: they were picked otherwise"
        )


def _is_here(about: DataPlan) -> bool:
    """Whether it is a named set of this library that can be read without a network."""
    if not SOURCES.is_own(about.source):
        return False
    home = os.environ.get("EPSBALL_DATA", "")
    return SOURCES[about.source].home == "embedded" or (
        bool(home) and Path(home, about.source, f"{about.split}.parquet").is_file()
    )


def _unchecked(about: DataPlan, *, given: bool) -> str:
    if about.rule and not given:
        source = repr(about.source) if about.source else "no name"
        return f"that the samples were not picked was not checked: the record's set ({source}) is not here; give it with --data"
    return "that the samples were not picked was not checked: the record has no rule that drew them"


def _drawn(about: DataPlan, named: str, n: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """What the rule draws from the set, in the type of the record's inputs."""
    word, _, number = about.rule.partition(" ")
    size, crop = (None, None) if about.cut is None else (about.cut.size, about.cut.crop)
    seed = int(number) if word == "seed" else None
    x, y = load_data(
        named, about.split or SPLITS[-1], None if about.rule == "all" else n, seed=seed, size=size, crop=crop
    )
    return numpy_of(x.to(getattr(torch, about.dtype))), y.numpy()
