"""Checks of a model and of the attacks on it; each doubt is a Finding with its evidence and remedy."""

from epsball.diagnose.checklist import adaptive_attack
from epsball.diagnose.consistency import consistency
from epsball.diagnose.preflight import baseline, preflight
from epsball.diagnose.recheck import dropped_claims, lucky_draws
from epsball.diagnose.sampling import sample_size

__all__ = ["adaptive_attack", "baseline", "consistency", "dropped_claims", "lucky_draws", "preflight", "sample_size"]
