"""Attacks made of attacks: their traits, what they find, and what they maximise."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import torch

import epsball as eb
from contract.problems import Affine, SmallNet, digits
from epsball.losses import cross_entropy, margin
from epsball.oracle.access import Access

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = Affine((1, 6, 6), 4)
X = digits(40, (1, 6, 6))
Y = MODEL(X).argmax(1).detach()
THREAT = eb.Threat("linf", 0.05)
WRONG: dict[str, Any] = {"word": "one", "fraction": 1.5, "class": eb.PGD}
NET = SmallNet().double().eval()
XN = digits(40, (1, 8, 8))
YN = NET(XN).argmax(1).detach()


def losses(x: torch.Tensor) -> torch.Tensor:
    return cross_entropy(NET(x), eb.Goal(YN)).detach()


def test_the_worst_of_several_starts_is_trained_on() -> None:
    attack, threat = eb.PGD(steps=5), eb.Threat("linf", 0.3)
    several = losses(eb.Restarts(attack, 5).maximise(NET, XN, YN, threat))
    alone = [losses(attack.maximise(NET, XN, YN, threat, seed=seed)) for seed in range(3)]
    assert several.mean() > max(one.mean() for one in alone)
    single = losses(eb.Restarts(attack, 1).maximise(NET, XN, YN, threat))
    more = losses(eb.Restarts(attack, 4).maximise(NET, XN, YN, threat))
    assert bool((more >= single).all())
    assert bool((several >= more).all())


def test_the_worst_of_several_attacks_is_trained_on() -> None:
    members, threat = (eb.FGSM(), eb.BIM(steps=3), eb.PGD(steps=4, loss=margin)), eb.Threat("l2", 1.0)
    together = losses(eb.Worst(*members).maximise(NET, XN, YN, threat))
    apart = torch.stack([losses(member.maximise(NET, XN, YN, threat)) for member in members[:2]])
    assert bool((together >= apart.amax(0) - 1e-9).all())
    backwards = losses(eb.Worst(*members[::-1]).maximise(NET, XN, YN, threat))
    assert float((backwards - together).abs().mean()) < 0.05


def test_a_targeted_maximisation_heads_for_its_class() -> None:
    threat = eb.Threat("linf", 0.3)
    k = (int(YN.mode().values) + 1) % 5
    own = k != YN
    x, y = XN[own], YN[own]
    aimed = eb.Targeted(eb.PGD(steps=8), k).maximise(NET, x, y, threat)
    free = eb.PGD(steps=8).maximise(NET, x, y, threat)
    assert not torch.equal(aimed, free)
    assert torch.equal(aimed, eb.PGD(steps=8).maximise(NET, x, eb.Goal(torch.full_like(y, k), targeted=True), threat))


@pytest.mark.parametrize(
    "attack", [eb.PGD(steps=10), eb.FGSM(), eb.Restarts(eb.PGD(steps=4), 2), eb.DeepFool(), eb.LBFGS()]
)
def test_targeted_is_the_attack_with_a_targeted_goal(attack: eb.Attack) -> None:
    own = Y != 1
    x, y = X[own], Y[own]
    threat = eb.Threat("l2") if attack.minimum_norm else eb.Threat("l2", 1.5)
    found = eb.Targeted(attack, 1)(MODEL, x, y, threat)
    reference = attack(MODEL, x, eb.Goal.towards(torch.ones_like(y), y), threat)
    assert torch.equal(found.success, reference.success)
    assert torch.equal(found.x, reference.x)
    assert torch.equal(found.queries, reference.queries)
    assert bool((MODEL(found.x).argmax(1)[found.success] == 1).all())


def test_an_input_that_is_wrong_but_not_the_target_is_no_success_of_a_targeted_attack() -> None:
    y = (Y + 1) % 4
    own = (y != 2) & (Y != 2)
    found = eb.Targeted(eb.PGD(steps=2), 2)(MODEL, X[own], y[own], eb.Threat("linf", 1e-6))
    assert not bool(found.success.any())


def test_targeted_among_others_leaves_their_goals_alone() -> None:
    own = Y != 1
    x, y = X[own], Y[own]
    both = eb.Worst(eb.Targeted(eb.PGD(steps=6), 1), eb.PGD(steps=6))(MODEL, x, y, THREAT)
    free = eb.Worst(eb.PGD(steps=1), eb.PGD(steps=6))(MODEL, x, y, THREAT)
    assert torch.equal(both.success, both.success | free.success)


def test_targets_that_are_labels_and_targets_twice_are_refused() -> None:
    with pytest.raises(eb.InputError, match="targets equal the sample's own label"):
        eb.Targeted(eb.PGD(), 1)(MODEL, X, Y, THREAT)
    with pytest.raises(eb.InputError, match="aims by itself"):
        eb.Targeted(eb.PGD(), 1)(MODEL, X, eb.Goal((Y + 1) % 4, targeted=True), THREAT)


def test_traits_are_those_of_the_members() -> None:
    mixed = eb.Worst(eb.AdditiveNoise(), eb.FGSM())
    assert (mixed.access, mixed.noise_only, mixed.single_step, mixed.may_fail) == (Access.GRADIENT, False, False, False)
    assert eb.Restarts(eb.AdditiveNoise(), 2).noise_only
    assert eb.Restarts(eb.FGSM(), 2).single_step
    assert eb.Restarts(eb.DeepFool(), 2).minimum_norm
    assert eb.Restarts(eb.DeepFool(), 2).norms == ("linf", "l2", "l1")
    assert eb.Restarts(eb.PGD(), 2).accepts_start
    assert not eb.Worst(eb.PGD(), eb.FGSM()).accepts_start
    assert eb.Worst(eb.FGSM(), eb.PGD()).starts_at_input


def test_calling_and_maximising_are_the_same_for_all_attacks() -> None:
    for closed in ("__call__", "maximise"):
        with pytest.raises(TypeError, match=f"defines {closed}, which is the same for all attacks"):
            type("Own", (eb.PGD,), {closed: lambda self: self})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: eb.Targeted(eb.PGD(), WRONG["word"]), "target='one'; expected a whole number"),
        (lambda: eb.Targeted(eb.PGD(), WRONG["fraction"]), "target=1.5; expected a whole number"),
        (lambda: eb.Targeted(eb.PGD(), -1), "target=-1; expected 0 or more"),
        (lambda: eb.Restarts(eb.PGD(), WRONG["fraction"]), "n=1.5; expected a whole number"),
        (lambda: eb.Restarts(eb.PGD(), 0), "n=0; expected a number above 0"),
        (lambda: eb.Restarts(WRONG["class"]), "expected an attack's object"),
        (lambda: eb.Worst(eb.PGD(), WRONG["word"]), "expected an attack's object"),
        (lambda: eb.Worst(eb.PGD(rate=float("inf"))), "rate=inf; expected a finite number"),
        (lambda: eb.Worst(eb.BrendelBethge(momentum=1.0)), "momentum=1.0; expected a number below 1"),
    ],
)
def test_settings_that_mean_nothing_are_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(eb.InputError, match=re.escape(words)):
        make()


def test_an_infinite_screen_linearises_all_classes() -> None:
    assert eb.DeepFool(screen=float("inf"))(MODEL, X, Y, eb.Threat("l2")).success.all()


def test_only_the_first_run_begins_at_the_callers_points() -> None:
    points: list[torch.Tensor] = []

    def model(x: torch.Tensor) -> torch.Tensor:
        points.append(x.detach().clone())
        return torch.stack((1e4 + x.flatten(1).sum(1), x.flatten(1).sum(1) ** 2), 1)

    threat, y = eb.Threat("linf", 0.4), torch.zeros_like(Y)
    start = threat.project(X.roll(1, 0), X)
    eb.Restarts(eb.PGD(steps=1), 3)(model, X, y, threat, start=start)
    begins = points[1::2]
    assert [torch.allclose(begin, start) for begin in begins] == [True, False, False]
    assert not torch.allclose(begins[1], begins[2])


class _Loud:
    """A mixin that would replace what is the same for all."""

    def __call__(self, *_: object) -> None: ...


def test_a_mixin_replaces_nothing_that_is_closed() -> None:
    with pytest.raises(TypeError, match="defines __call__"):
        type("Mixed", (_Loud, eb.PGD), {})


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_within_ends_at_the_first_error_in_the_ball_and_finds_those_of_the_free_search(norm: str) -> None:
    free = eb.DeepFool()(NET, XN, YN, eb.Threat(norm))
    eps = free.distance[free.distance > 0].median().item()
    inside = eb.Within(eb.DeepFool())(NET, XN, YN, eb.Threat(norm, eps))
    assert torch.equal(inside.success, free.distance <= eps)
    assert bool((inside.distance[inside.success] <= eps).all())
    assert int(inside.queries.sum()) < int(free.queries.sum())
    assert not eb.Within(eb.DeepFool()).minimum_norm


def test_what_seeks_the_nearest_error_maximises_nothing() -> None:
    for attack in (eb.Within(eb.DeepFool()), eb.Restarts(eb.Within(eb.DeepFool()), 2), eb.DeepFool()):
        with pytest.raises(eb.InputError, match="looks for the nearest error and maximises nothing"):
            attack.maximise(NET, XN, YN, THREAT)


class Noisy:
    """Two classes, of which the first leads by nearly 1 everywhere but for the noise of a pass."""

    def __init__(self) -> None:
        self.generator = torch.Generator().manual_seed(0)
        self.rows = 0

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        self.rows += len(x)
        lead = 1 - 0.01 * x.flatten(1).sum(1) + torch.randn(len(x), generator=self.generator, dtype=x.dtype)
        return torch.stack((lead, torch.zeros_like(lead)), 1)


def test_the_expectation_does_not_take_a_lucky_pass_for_a_success() -> None:
    y, few = torch.zeros(10, dtype=torch.int64), X[:10]
    assert bool(eb.FGSM()(Noisy(), few, y, THREAT).success.any())
    model = Noisy()
    found = eb.Expectation(eb.FGSM(), 100)(model, few, y, THREAT)
    assert not bool(found.success.any())
    assert found.queries.tolist() == [200] * 10
    assert found.gradients.tolist() == [100] * 10
    assert model.rows == 2000


def test_an_expectation_ends_with_its_attack() -> None:
    both = eb.Worst(eb.Expectation(eb.FGSM(), 3), eb.FGSM())
    assert both(Affine((1, 6, 6), 4), X[:4], Y[:4], eb.Threat("linf", 1e-6)).queries.tolist() == [3 + 3 + 2] * 4
