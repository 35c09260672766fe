"""The record of an evaluation: per-sample columns with their provenance, in memory and as a run folder."""

from epsball.record.evaluation import AttackRows, Evaluation, Finding
from epsball.record.reading import read_examples, read_inputs, read_run
from epsball.record.run_folder import RunFolder

__all__ = ["AttackRows", "Evaluation", "Finding", "RunFolder", "read_examples", "read_inputs", "read_run"]
