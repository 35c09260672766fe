"""Does a record keep back a finding that its own rows give, or the model?"""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

import numpy as np
import torch

from epsball import diagnostics
from epsball.threat import Threat

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from epsball.models.inputs import Inputs
    from epsball.models.model import Model
    from epsball.record import Evaluation, Finding, Plan


def missing_findings(run: Evaluation, recorded: Sequence[Finding]) -> Iterator[str]:
    """A sentence for each failed or warning check of a finished run's rows that the record does not list.

    What only notes taken during the run can tell is not derived; nor is anything for a record of another version of this
    library, whose checks may have been others.
    """
    if _of_another_version(run.plan):
        return
    eps = run.eps
    outcome = diagnostics.Outcome(
        ids=run.ids,
        label=run.label,
        clean=run.clean,
        robust=run.upper > eps if np.isfinite(eps) else run.clean == run.label,
        eps=eps,
        attacks=run.attacks,
        traits={name: diagnostics.Traits.of(attack) for name, attack in run.plan.attacks.items()},
        left_out=run.plan.data.left_out,
    )
    yield from _not_listed(diagnostics.after(outcome), recorded, "the rows give")


def missing_findings_of_model(
    plan: Plan,
    model: Model,
    x: Inputs,
    label: NDArray[np.int64],
    clean: NDArray[np.int64],
    recorded: Sequence[Finding],
) -> Iterator[str]:
    """A sentence for each failed or warning check before the first attack that the record does not list.

    Nothing is derived of a model that the record says is random, since its run is not trusted anyway, nor of another version's checks.

    Args:
        plan: of the run.
        model: the model of the run.
        x: its inputs `(n, …)`, where the model is.
        label: true labels `(n,)`.
        clean: recorded labels of the inputs `(n,)`.
        recorded: the findings of the record.

    Raises:
        ModelError: the model failed.
    """
    if _of_another_version(plan) or any(finding.id == "D02" for finding in recorded):
        return
    low, high = (torch.tensor(bound, dtype=torch.float64).to(x[:1]) for bound in (plan.threat.low, plan.threat.high))
    bounds = [float(bound) if not bound.ndim else bound for bound in (low, high)]
    threat = Threat(plan.threat.norm, float(plan.threat.eps), low=bounds[0], high=bounds[1])
    y = torch.from_numpy(label).to(x.device)
    context = diagnostics.Preflight(
        model, x, y, clean, plan.data.classes, threat, plan.batching.batch_size, plan.data.names
    )
    yield from _not_listed(diagnostics.preflight(context), recorded, "the model gives")


def _of_another_version(plan: Plan) -> bool:
    return plan.environment.versions.get("epsball") != metadata.version("epsball")


def _not_listed(found: Sequence[Finding], recorded: Sequence[Finding], source: str) -> Iterator[str]:
    listed = {(finding.id, finding.severity) for finding in recorded}
    for finding in found:
        if finding.severity != "INFO" and (finding.id, finding.severity) not in listed:
            yield f"the finding {finding.id} is not listed, which {source}: {finding.message} ({finding.evidence})"
