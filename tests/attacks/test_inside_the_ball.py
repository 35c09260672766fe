"""Frank-Wolfe, MultiTargeted and output-diversified starts, pinned by what they ask about."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import epsball as eb
from contract.problems import Affine, SmallNet, digits
from epsball.testing.problems import Recorder

CENTRE, SHAPE = torch.tensor([[0.45, 0.5], [1.0, 3.0]], dtype=torch.float64)
X = digits(8, (1, 6, 6), middle=True)


def trace(attack: eb.Attack, net: nn.Module, threat: eb.Threat, x: Tensor = X) -> list[Tensor]:
    asked = Recorder(net)
    end = attack.maximise(asked, x, net(x).argmax(1), threat, seed=1)
    return [*asked.points, end]


class Rows(nn.Module):
    """Three logits: 0, and two that grow along different coordinates; their gradients are constant."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack((x[:, 0] * 0 + 9, x[:, 0] - x[:, 1], 2 * x[:, 1] - x[:, 0] + 0.1), 1)


class Bent(nn.Module):
    """Logits 9 and a bowl around (0.45, 0.5), whose gradient changes its sign."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack(
            (9 + 0 * x[:, 0], -((x - torch.tensor([0.45, 0.5])) ** 2 * torch.tensor([1.0, 3.0])).sum(1)), 1
        )


def test_frank_wolfe_averages_the_furthest_points() -> None:
    x = torch.tensor([[0.5, 0.69]], dtype=torch.float64)
    points = trace(eb.FrankWolfe(steps=3, decay=0.25), Bent(), eb.Threat("linf", 0.25), x)
    slopes = [-2 * (point - CENTRE) * SHAPE for point in points]
    m, expected = slopes[0], x
    for t in range(3):
        m = slopes[0] if t == 0 else 0.25 * m + 0.75 * slopes[t]
        expected = expected + 2 / (t + 2) * (x + 0.25 * m.sign() - expected)
        torch.testing.assert_close(points[t + 1], expected)


def test_multi_targeted_heads_for_each_class_in_the_order_of_the_logits() -> None:
    x = torch.tensor([[0.5, 0.5]], dtype=torch.float64)
    attack = eb.MultiTargeted(steps=2, classes=5, first=4.0, rate=4.0)
    found = attack(Recorder(net := Rows()), x, net(x).argmax(1), eb.Threat("linf", 0.1))
    assert found.gradients.tolist() == [4]  # two classes, two steps each
    asked = Recorder(net)
    attack(asked, x, net(x).argmax(1), eb.Threat("linf", 0.1))
    ends = [asked.points[2], asked.points[4]]  # the second gradient of the likeliest class, then of the other one
    torch.testing.assert_close(ends[0], torch.tensor([[0.4, 0.6]], dtype=torch.float64))
    torch.testing.assert_close(ends[1], torch.tensor([[0.6, 0.4]], dtype=torch.float64))


def test_towards_a_target_all_searches_raise_it() -> None:
    model = Affine((1, 6, 6), 4)
    y = model(X).argmax(1)
    goal = eb.Goal.towards((y + 1) % 4, y)
    threat = eb.Threat("linf", 0.1)
    pgd, multi = eb.PGD()(model, X, goal, threat), eb.MultiTargeted()(model, X, goal, threat)
    assert bool(pgd.success.any())
    assert bool((multi.success | ~pgd.success).all())


def test_a_diverse_start_ascends_a_random_combination_that_is_a_rows_own() -> None:
    model, threat = Affine((1, 6, 6), 4), eb.Threat("linf", 0.02)
    points = trace(eb.PGD(steps=1, random_start=False, diversify=2), model, threat)
    assert len(points) >= 3
    torch.testing.assert_close(points[0], X)
    moves = (points[1] - X).flatten(1) / 0.02
    torch.testing.assert_close(moves.abs(), torch.ones_like(moves))
    torch.testing.assert_close(points[2], points[1])  # the combination stays and so does its sign
    assert len({tuple(row) for row in moves.sign().tolist()}) == len(X)
    span = torch.linalg.lstsq(model.weight.detach().T, moves.T).solution  # a sign of w f, w in [-1, 1]^4
    assert bool((model.weight.detach().T @ span * moves.T > 0).double().mean() > 0.8)


def test_stronger_than_one_run_and_as_strong_as_restarts() -> None:
    net = SmallNet().double().eval()
    x = digits(120, (1, 8, 8), seed=4)
    y, threat = net(x).argmax(1), eb.Threat("linf", 0.12)
    counts = {
        name: int(attack(net, x, y, threat).success.sum())
        for name, attack in {
            "pgd": eb.PGD(steps=10),
            "multi": eb.MultiTargeted(steps=10, classes=4),
            "odi": eb.Restarts(eb.ODIPGD(steps=10), 3),
            "frank-wolfe": eb.FrankWolfe(steps=20),
        }.items()
    }
    assert 20 < counts["pgd"] < 118
    assert counts["multi"] >= counts["pgd"]
    assert counts["odi"] >= counts["pgd"]
    assert counts["frank-wolfe"] >= counts["pgd"]
