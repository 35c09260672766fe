"""A run in the trackers' own packages: what was logged is read back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import epsball as eb
from epsball.integrations.values import figures, settings
from toy import toy_run

if TYPE_CHECKING:
    from pathlib import Path

STEP = 3


def test_figures_are_finite_and_say_what_the_run_says() -> None:
    run = toy_run(suite={"noise": eb.AdditiveNoise(draws=2), "pgd": eb.PGD(steps=4)})
    found = figures(run)
    assert found["robustness/robust_accuracy"] == run.robust_accuracy()
    assert (found["robustness/robust_accuracy_low"], found["robustness/robust_accuracy_high"]) == run.interval()
    assert found["robustness/pgd/remaining"] == run.robust_accuracy()
    assert all(abs(value) < float("inf") for value in found.values())
    assert settings(run)["eps"] == run.eps


def test_what_is_no_tracker_is_refused_in_one_sentence() -> None:
    with pytest.raises(eb.InputError, match=r"the tracker was given as dict; expected a SummaryWriter of TensorBoard"):
        eb.log(toy_run(suite={"pgd": eb.PGD(steps=2)}), {})


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the tracker's own imports
def test_tensorboard_reads_the_figures(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: PLC0415 (thorough only)
    from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 (the same)

    run = toy_run(suite={"pgd": eb.PGD(steps=4)})
    with SummaryWriter(tmp_path) as writer:
        eb.log(run, writer, step=STEP)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    for name, value in figures(run).items():
        (event,) = events.Scalars(name)
        assert (event.step, event.value) == (STEP, pytest.approx(value))
    assert (
        b"images that the model classifies correctly"
        in next(iter(events.Tensors("robustness/result/text_summary"))).tensor_proto.string_val[0]
    )


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore")  # of the tracker's own database and imports
def test_mlflow_reads_the_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow  # noqa: PLC0415 (thorough only)

    folder = tmp_path / "run"
    run = toy_run(folder, suite={"pgd": eb.PGD(steps=4)})
    page = eb.write_report(run, folder)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # its slim package has no database
    mlflow.set_tracking_uri((tmp_path / "mlflow").as_uri())
    with pytest.raises(eb.InputError, match="mlflow was given without an active run"):
        eb.log(run, mlflow)
    mlflow.create_experiment("one", artifact_location=(tmp_path / "artefacts").as_uri())
    mlflow.set_experiment("one")
    with mlflow.start_run() as active:
        eb.log(run, mlflow, step=STEP, report=page)
        eb.log(run, active, step=STEP + 1)
    client = mlflow.MlflowClient()
    for name, value in figures(run).items():
        history = client.get_metric_history(active.info.run_id, name)
        assert [each.step for each in history] == [STEP, STEP + 1]
        assert history[0].value == pytest.approx(value)
    stored = client.get_run(active.info.run_id).data.tags
    assert stored["robustness.norm"] == run.plan.threat.norm
    assert {each.path for each in client.list_artifacts(active.info.run_id, "robustness")} == {
        "robustness/result.md",
        "robustness/report.html",
    }


def joined(log: bytes) -> bytes:
    """The records of a file in LevelDB's log format, which cuts them at every 32 KiB: 7 bytes of header before each piece."""
    content, at = b"", 7
    while at < len(log):
        if (left := 32768 - at % 32768) < 7:
            at += left
            continue
        length = int.from_bytes(log[at + 4 : at + 6], "little")
        content += log[at + 7 : at + 7 + length]
        at += 7 + length
    return content


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore")  # of the tracker's own imports
def test_weights_and_biases_take_the_figures(tmp_path: Path) -> None:
    import wandb  # noqa: PLC0415 (thorough only)

    folder = tmp_path / "run"
    run = toy_run(folder, suite={"pgd": eb.PGD(steps=4)})
    page = eb.write_report(run, folder)
    tracker = wandb.init(mode="offline", dir=tmp_path, project="one", settings=wandb.Settings(silent=True))
    eb.log(run, tracker, step=STEP, report=page)
    config = dict(tracker.config)
    tracker.finish()
    (file,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    content = joined(file.read_bytes())
    for name, value in figures(run).items():
        _, _, following = content.partition(name.encode() + b"\x82\x01")  # the field after a name, not a longer name
        assert following[:40].find(json.dumps(value).removesuffix(".0").encode()[:8]) >= 0, name
    assert b"robustness/result" in content
    assert b"robustness/report" in content
    assert config["robustness"]["norm"] == run.plan.threat.norm
