"""An evaluation counts nothing that an attack or a certificate reports wrongly."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor

import epsball as eb
from epsball.certification.base import CERTIFICATES
from toy import EPS, closed_form, exact_radius, same, samples, toy_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from epsball.attacks import Found
    from epsball.oracle.oracle import Oracle
    from epsball.record import Evaluation


pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


@dataclasses.dataclass(frozen=True)
class Liar(eb.Attack):
    """Finds what DeepFool finds and then says something else."""

    lie: Callable[[Found, Tensor], Found]
    minimum_norm = True

    def run(self, ask: Oracle) -> Tensor:
        return eb.DeepFool().run(ask)


def _lying(attack: Liar, *arguments: Any, **settings: Any) -> Found:
    return attack.lie(eb.Attack.__call__(attack, *arguments, **settings), arguments[1])


setattr(Liar, "__call__", _lying)  # noqa: B010 - an attack cannot override it; a fabricated result is what is tested


def liar(lie: Callable[[Found, Tensor], Found]) -> Evaluation:
    return toy_run(suite={"liar": Liar(lie)})


@pytest.mark.parametrize(
    ("lie", "finding"),
    [
        (lambda found, x: dataclasses.replace(found, x=x.clone(), distance=0 * found.distance), "D29"),
        (lambda found, _: dataclasses.replace(found, distance=found.distance * 0.99), "D14"),
        (lambda found, _: dataclasses.replace(found, x=found.x + 0.9, distance=found.distance + 0.9), "D14"),
        (lambda found, x: dataclasses.replace(found, x=x * torch.nan), "D14"),
    ],
)
def test_a_false_report_does_not_count(lie: Callable[[Found, Tensor], Found], finding: str) -> None:
    run = liar(lie)
    assert np.isinf(run.upper[6:]).all()
    assert not run.attacks["liar"].success.any()
    assert finding in {found.id for found in run.findings}
    assert run.trusted == (finding == "D29")


def test_one_false_report_leaves_the_others() -> None:
    def lie(found: Found, _: Tensor) -> Found:
        distance = found.distance.clone()
        distance[0] /= 2
        return dataclasses.replace(found, distance=distance)

    honest, run = liar(lambda found, _: found), liar(lie)
    assert np.isfinite(honest.upper).all()
    assert honest.trusted
    assert np.isinf(run.upper).sum() == 4
    assert any("4 successes, sample 6 among them" in finding.evidence for finding in run.findings)


def test_a_success_outside_the_ball_does_not_count() -> None:
    class Bold(eb.PGD):
        minimum_norm = False

        def run(self, ask: Oracle) -> Tensor:
            return eb.DeepFool().run(ask)

    def bold(attack: Bold, model: Any, x: Tensor, y: Tensor, threat: eb.Threat, **settings: Any) -> Found:
        return eb.Attack.__call__(attack, model, x, y, eb.Threat(threat.norm, 0.3), **settings)

    setattr(Bold, "__call__", bold)  # noqa: B010 - as above
    run = toy_run(suite={"bold": Bold()})
    rows = run.attacks["bold"]
    assert not (rows.distance[rows.success] > EPS).any()
    assert any(finding.id == "D14" for finding in run.findings)


def test_certificates_bound_from_below(tmp_path: Path) -> None:
    run = toy_run(tmp_path, certifiers=[exact_radius(0.9), exact_radius(0.5)])
    exact = closed_form(*samples())
    assert run.lower == pytest.approx(exact * 0.9)
    assert (run.lower <= run.upper).all()
    assert run.certified_accuracy() == (exact * 0.9 >= EPS).mean()
    assert run.certified_accuracy() <= run.robust_accuracy()
    assert same(run, toy_run(tmp_path, certifiers=[exact_radius(0.9), exact_radius(0.5)]))


def test_a_certificate_that_an_attack_refutes_ends_the_run() -> None:
    with pytest.raises(
        eb.UntrustworthyError, match=r"found an error of sample \d+ at distance .* a certificate excludes"
    ):
        toy_run(certifiers=[exact_radius(1.2)])


def test_a_registered_certificate_is_run_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CERTIFICATES, "_own", {"exact": exact_radius(0.5)})
    run = toy_run(certifiers=["exact", exact_radius(0.25), "exact"])
    assert run.plan.certifiers == ("exact", "certify", "exact-2")
    assert run.lower == pytest.approx(closed_form(*samples()) * 0.5)


@pytest.mark.parametrize("radius", [torch.ones(3), -torch.ones(16), torch.full((16,), torch.nan)])
def test_a_certificate_is_one_radius_a_sample(radius: Tensor) -> None:
    with pytest.raises(eb.InputError, match="expected one radius >= 0 per sample"):
        toy_run(certifiers=[lambda *_: radius])
