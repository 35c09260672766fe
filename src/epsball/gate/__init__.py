"""A gate for continuous integration: has the robust accuracy fallen, is it high enough, and are there enough samples to tell?"""

from epsball.gate.baseline import Baseline, read_baseline, write_baseline
from epsball.gate.check import check
from epsball.gate.verdict import Bound, Verdict

__all__ = ["Baseline", "Bound", "Verdict", "check", "read_baseline", "write_baseline"]
