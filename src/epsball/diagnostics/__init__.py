"""Checks of a model and of the attacks on it; each doubt is a Finding with its evidence and remedy."""

from epsball.diagnostics.checklist import adaptive_attack
from epsball.diagnostics.consistency import consistency
from epsball.diagnostics.preflight import baseline, preflight
from epsball.diagnostics.replays import dropped_claims, lucky_draws
from epsball.diagnostics.sampling import sample_size

__all__ = ["adaptive_attack", "baseline", "consistency", "dropped_claims", "lucky_draws", "preflight", "sample_size"]
