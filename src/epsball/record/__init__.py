"""The record of an evaluation: its plan, per-sample columns with their provenance, in memory and as a run folder."""

from epsball.record.evaluation import AttackRows, Evaluation, Finding
from epsball.record.plan import Plan
from epsball.record.reading import read_examples, read_inputs, read_run
from epsball.record.run_folder import RunFolder
from epsball.record.store import Store

__all__ = [
    "AttackRows",
    "Evaluation",
    "Finding",
    "Plan",
    "RunFolder",
    "Store",
    "read_examples",
    "read_inputs",
    "read_run",
]
