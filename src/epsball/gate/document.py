"""What a gate says as JSON: beside the figures of the run, what was asked for and whether it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from epsball.gate.verdict import Verdict


def gate_document(verdict: Verdict) -> dict[str, Any]:
    """The keys `gate` and `passed`; both are null where nothing was asked for."""
    if not verdict.bounds:
        return {"gate": None, "passed": None}
    pairs = verdict.pairs
    changed = None if pairs is None else {"lost": list(pairs.lost_ids), "won": list(pairs.won_ids)}
    return {
        "gate": {
            "verdict": verdict.word,
            "reason": verdict.reason,
            "limits": [
                {
                    "kind": bound.kind,
                    "limit": bound.limit,
                    "value": bound.value,
                    "interval": list(bound.interval),
                    "n": bound.n,
                    "passed": bound.passed,
                    "samples_to_tell": bound.needed,
                }
                for bound in verdict.bounds
            ],
            "changed": changed,
        },
        "passed": verdict.passed,
    }
