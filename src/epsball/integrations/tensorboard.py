"""TensorBoard, through a `SummaryWriter` of `torch.utils.tensorboard` or `tensorboardX`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from epsball.integrations.values import figures, settings
from epsball.report.summary import markdown_body

if TYPE_CHECKING:
    from pathlib import Path

    from epsball.record import Evaluation


def log(run: Evaluation, writer: Any, step: int, report: str | Path | None) -> None:  # noqa: ARG001 (TensorBoard stores no files)
    """A scalar for each figure; verdict, table and settings as text."""
    for name, value in figures(run).items():
        writer.add_scalar(name, value, step)
    lines = "\n".join(f"| {name} | {value} |" for name, value in settings(run).items())
    writer.add_text("robustness/result", f"{markdown_body(run)}\n| setting | value |\n| --- | --- |\n{lines}\n", step)
    writer.flush()
