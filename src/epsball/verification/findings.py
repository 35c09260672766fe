"""Does a record keep back a finding that its own rows give?"""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

import numpy as np

from epsball import diagnostics

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from epsball.record import Evaluation, Finding


def missing_findings(run: Evaluation, recorded: Sequence[Finding]) -> Iterator[str]:
    """A sentence for each failed or warning check of a finished run's rows that the record does not list.

    What only the model, or notes taken during the run, can tell is not derived; nor is anything for a record of another version of this
    library, whose checks may have been others.
    """
    if run.plan.environment.versions.get("epsball") != metadata.version("epsball"):
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
    listed = {(finding.id, finding.severity) for finding in recorded}
    for finding in diagnostics.after(outcome):
        if finding.severity != "INFO" and (finding.id, finding.severity) not in listed:
            yield f"the finding {finding.id} is not listed, which the rows give: {finding.message} ({finding.evidence})"
