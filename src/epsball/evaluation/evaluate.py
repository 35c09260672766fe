"""How robust is a model? Clean pass, certificates, attacks from cheap to strong, every hit checked again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.attacks.suites import SUITE_VERSION
from epsball.certification.base import names_of
from epsball.errors import InputError
from epsball.evaluation.plan import data_fingerprint, specification
from epsball.evaluation.replay_check import plain
from epsball.evaluation.runner import Run
from epsball.evaluation.samples import numpy_of, prepare
from epsball.evaluation.selection import chosen
from epsball.models.wrap import Model, wrap
from epsball.progress import Progress, shown
from epsball.record import RunFolder, read_run
from epsball.record.in_memory import Nowhere
from epsball.threat import Threat, replace_eps
from epsball.validation import checked_seed, given_threat

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from epsball.attacks.base import Attack
    from epsball.certification.base import Certifier
    from epsball.oracle.batching import Batching
    from epsball.record import Evaluation


def evaluate(
    model: Callable[[Tensor], Any] | Model,
    data: tuple[Tensor, Tensor],
    threat: Threat,
    suite: str | Attack | Mapping[str, Attack] | Sequence[Attack] = "standard",
    certifiers: Sequence[Certifier] = (),
    out: str | Path | None = None,
    *,
    seed: int = 0,
    progress: Progress | None = None,
    chunk_size: int = 1024,
    every_sample: bool = False,
    ids: Sequence[int] | Tensor | None = None,
    source: str = "",
    split: str = "",
    batching: Batching | None = None,
) -> Evaluation:
    """Bound every sample's distance to its nearest error, lower <= Δ(x) <= upper.

    A sample that is classified wrongly has lower = upper = 0 and costs nothing more. Attacks inside a ball are asked, in
    the given order, about the samples still standing at ε; minimum-norm attacks about all correctly classified ones, at any
    distance. A hit counts once a fresh pass in the model's own precision and an own float64 distance confirm it.

    Args:
        model: a classifier in data units, `eb.wrap(net)` or any callable (N, …) -> (N, K).
        data: inputs x (N, …) in the threat's box, and labels y (N,).
        threat: norm, budget ε in data units (one for all samples) and box.
        suite: "quick" or "standard", of which the attacks that fit norm and budget are run; or attacks, by name or in a row,
            cheap to strong.
        certifiers: functions (model, x, y, threat) -> (N,) radii within which no error exists.
        out: a run folder; what is finished is kept there, and the same call continues a run that was killed.
        seed: seed of all draws.
        progress: called with (stage, done, total); a bar on a terminal when left out.
        chunk_size: samples that are attacked, checked and stored at a time.
        every_sample: ask every attack about every correctly classified sample, so that each one's own accuracy is known.
        ids: the samples' numbers (N,), row numbers when left out; draws depend on (seed, id) only.
        source: name of the data, for the record.
        split: part of the data, for the record.
        batching: how the model is asked; chosen by rule when left out.

    Raises:
        InputError: arguments that cannot be used, or a run folder of another configuration.
        ModelError: the model failed or answered nonsense.
        UntrustworthyError: an attack found an error where a certificate excludes one.
    """
    threat, seed = _checked(threat, chunk_size), checked_seed(seed)
    attacks = chosen(suite, threat)
    samples = prepare(wrap(model), data, threat, ids, batching)
    names = names_of(certifiers)
    x, device = numpy_of(samples.x), samples.x.device
    about = {"source": source, "split": split, "n": len(samples), "fingerprint": data_fingerprint(x, samples.label)}
    about |= {
        "shape": list(x.shape[1:]),
        "classes": samples.classes,
        "dtype": str(samples.x.dtype).removeprefix("torch."),
    }
    spec = specification(
        model=samples.model,
        data=about,
        threat=threat,
        suite=suite if isinstance(suite, str) else "custom",
        suite_version=SUITE_VERSION if isinstance(suite, str) else 0,
        attacks=attacks,
        certifiers=names,
        seed=seed,
        batching=samples.batching,
        chunk_size=chunk_size,
        every_sample=every_sample,
        device=device,
    )
    folder = Nowhere() if out is None else RunFolder.open(out, spec)
    if out is not None and folder.complete:
        return read_run(out)
    with shown(progress) as told:
        run = Run(samples, threat, spec, folder, told)
        run.start(x)
        for position, (name, certifier) in enumerate(zip(names, certifiers, strict=True)):
            run.certify(position, name, certifier)
        for position, (name, attack) in enumerate(attacks.items()):
            run.attack(position, name, attack)
        return run.finish()


def _checked(threat: Threat, chunk_size: int) -> Threat:
    """The threat with ε as a plain number."""
    threat = given_threat(threat)
    if np.size(plain(threat.eps)) != 1:
        raise InputError(
            "ε was given per sample; an evaluation needs one number for all: call the attack itself, or evaluate once per ε"
        )
    if chunk_size < 1:
        raise InputError(f"chunk_size was given as {chunk_size}; expected at least 1 sample")
    return replace_eps(threat, float(threat.eps))
