"""One function for all trackers: it is told by what it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from epsball.errors import InputError
from epsball.integrations import mlflow, tensorboard, wandb

if TYPE_CHECKING:
    from pathlib import Path

    from epsball.record import Evaluation

_TRACKERS = {"tensorboard": tensorboard, "tensorboardX": tensorboard, "wandb": wandb, "mlflow": mlflow}


def log(run: Evaluation, tracker: Any, *, step: int = 0, report: str | Path | None = None) -> None:
    """Log a run to a tracker that the caller has opened and will close.

    Logged are the accuracies with their intervals, the median distance, what each attack leaves, the settings, the table of results,
    and the report where one is given.

    Args:
        run: the record, as `evaluate` returned it or `eb.load_run` read it.
        tracker: a `SummaryWriter` of TensorBoard; a `wandb.Run`; the module `mlflow`, for its active run, or that run itself.
        step: of the training at which the model was evaluated.
        report: the file that `eb.write_report` wrote, for trackers that store files.

    Raises:
        InputError: the tracker is none of these, or MLflow has no active run.

    Example:
        >>> from torch.utils.tensorboard import SummaryWriter                   # doctest: +SKIP
        >>> with SummaryWriter("logs") as writer:                               # doctest: +SKIP
        ...     eb.log(run, writer, step=epoch)
    """
    home = getattr(tracker, "__name__", "") or type(tracker).__module__
    for part in home.split("."):
        if part in _TRACKERS:
            _TRACKERS[part].log(run, tracker, step, report)
            return
    raise InputError(
        f"the tracker was given as {type(tracker).__name__}; expected a SummaryWriter of TensorBoard, a wandb.Run, "
        "the module mlflow, or an active run of it"
    )
