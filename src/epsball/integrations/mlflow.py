"""MLflow, through the module `mlflow` or its active run."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

from epsball.errors import InputError
from epsball.integrations.values import figures, settings
from epsball.report.summary import markdown_body

if TYPE_CHECKING:
    from pathlib import Path

    from epsball.record import Evaluation

FOLDER = "robustness"


def log(run: Evaluation, tracker: Any, step: int, report: str | Path | None) -> None:
    """A metric for each figure at its step; the settings as tags, the table and the report as artefacts."""
    from mlflow import MlflowClient  # noqa: PLC0415 (not everybody's)

    active = tracker.active_run() if isinstance(tracker, ModuleType) else tracker
    if active is None:
        raise InputError(
            "mlflow was given without an active run; expected one: with mlflow.start_run(): eb.log(run, mlflow)"
        )
    client, identity = MlflowClient(), active.info.run_id
    for name, value in figures(run).items():
        client.log_metric(identity, name, value, step=step)
    for name, setting in settings(run).items():
        client.set_tag(identity, f"{FOLDER}.{name}", setting)
    client.log_text(identity, markdown_body(run), f"{FOLDER}/result.md")
    if report is not None:
        client.log_artifact(identity, str(report), FOLDER)
