"""Verification asks the model again: by name, in its type and norm, and if it draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

import epsball as eb
from epsball.evaluation.evaluate import evaluate
from epsball.record import read_examples, read_run
from epsball.record.evaluation import ATTACK_COLUMNS
from epsball.record.files import read_table, table_bytes
from epsball.verification.verify import verify
from forgery import forge
from toy import SUITE, Affine, Interrupted, Jittery, samples, toy_run
from verification.test_verify import FGSM, alter

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def test_a_normalised_model_is_known_by_its_normalisation(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 4))
    toy_run(tmp_path, model=eb.wrap(net, mean=0.5, std=0.25))
    assert verify(tmp_path, net).samples == 60
    with pytest.raises(eb.UntrustworthyError, match="it is another model"):
        verify(tmp_path, eb.wrap(net, mean=0.5, std=0.5))


def test_a_model_with_a_name_is_loaded_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "net.py").write_text("import toy\n\ndef make():\n    return toy.Affine()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    toy_run(tmp_path / "run", model=eb.load_model(f"{tmp_path}/net.py:make"))
    assert verify(tmp_path / "run", trust_source=True).successes > 0


def test_a_network_of_the_zoo_is_loaded_in_its_shape(tmp_path: Path) -> None:
    x = torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    model = eb.load_model("zoo:mlp-512", shape=(1, 8, 8), classes=3)
    with torch.no_grad():
        y = model(x).argmax(1)
    evaluate(model, (x, y), eb.Threat("linf", 0.05), {"fgsm": eb.FGSM()}, out=tmp_path)
    assert verify(tmp_path).samples == 8


def test_an_unfinished_run_is_checked_as_far_as_it_goes(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        toy_run(tmp_path, progress=Interrupted(30))
    verified = verify(tmp_path, Affine())
    assert not verified.complete
    assert verified.successes > sum(int(rows.success.sum()) for rows in read_run(tmp_path).attacks.values()) > 0
    columns = read_table(tmp_path / FGSM, ATTACK_COLUMNS)
    forge(tmp_path, FGSM, table_bytes(columns | {"distance": alter(columns["distance"], 0)}))
    with pytest.raises(eb.UntrustworthyError, match="distance is"):
        verify(tmp_path, Affine())


def test_a_random_model_shows_its_spread(tmp_path: Path) -> None:
    torch.manual_seed(3)
    toy_run(tmp_path, model=Jittery())
    verified = verify(tmp_path, Jittery(), passes=200)
    assert verified.passes == 200
    assert [(finding.id, finding.severity) for finding in verified.findings] == [("D22", "WARN")]
    assert "of 200 passes" in verified.findings[0].evidence
    assert verify(tmp_path, Jittery()).passes == 20


@pytest.mark.parametrize("norm", ["l2", "l1", "l0"])
def test_every_norm_is_measured_alike(norm: str, tmp_path: Path) -> None:
    suite = {name: attack for name, attack in SUITE.items() if norm in attack.norms}
    run = toy_run(tmp_path, threat=eb.Threat(norm, 3 if norm == "l0" else 0.1), suite=suite)
    assert verify(tmp_path, Affine()).successes > 10
    x, _ = samples()
    ids, examples = read_examples(tmp_path, "fgsm")
    shift = (torch.from_numpy(examples).double() - x[ids].double()).flatten(1)
    order = {"l2": 2, "l1": 1, "l0": 0}[norm]
    rows = run.attacks["fgsm"]
    assert rows.distance[rows.success] == pytest.approx(torch.linalg.vector_norm(shift, order, dim=1).numpy(), rel=1e-9)


def test_half_precision_is_asked_in_half_precision(tmp_path: Path) -> None:
    net = Affine().bfloat16()
    x = samples()[0].bfloat16()
    with torch.no_grad():
        y = net(x).argmax(1)
    run = evaluate(net, (x, y), eb.Threat("linf", 0.1), {"fgsm": eb.FGSM()}, out=tmp_path)
    assert run.plan.data.dtype == "bfloat16"
    assert verify(tmp_path, net).successes > 5
