"""Weights & Biases, through a `wandb.Run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from epsball.integrations.values import figures, settings
from epsball.report.summary import rows

if TYPE_CHECKING:
    from epsball.record import Evaluation


def log(run: Evaluation, tracker: Any, step: int, report: str | Path | None) -> None:
    """Figures and table at their step, the settings in the configuration, an HTML report as a panel."""
    import wandb  # noqa: PLC0415 (not everybody's)

    heading, lines = rows(run)
    table: Any = wandb.Table(columns=["attack", *heading[1:]])
    for line in lines:
        table.add_data(*line)
    content: dict[str, Any] = {
        **figures(run),
        "robustness/result": table,
    }
    if report is not None and Path(report).suffix == ".html":
        content["robustness/report"] = wandb.Html(Path(report).read_text(encoding="utf-8"), inject=False)
    tracker.config.update({"robustness": settings(run)}, allow_val_change=True)
    tracker.log(content, step=max(step, tracker.step))
