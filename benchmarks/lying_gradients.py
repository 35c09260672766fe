"""Claimed and true robust accuracy of small classifiers whose gradients lie, vanish or are coarse.

The truth is bounded from above by three attacks that share nothing with the evaluation: the twin's adversarial images fed to the model,
gradient ascent with the model forward and the twin backward (BPDA, Athalye et al. 2018, arXiv:1802.00420), and the Square of
pyautoattack (Andriushchenko et al. 2020, arXiv:1912.00049). Run in the environment of `make bench`, which has that package.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

import epsball as eb
from lying_models import Case, honest, lying, train

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from lying_models import Net

HERE = Path(__file__).parent
EPS = 0.11
"""Not 0.1, which is one and a half of 15 levels: there rounding alone decides."""
WITHIN = EPS - 1e-6
"""So that no point lies outside by rounding."""
OVERSTATED = 0.02


@dataclass(frozen=True)
class Row:
    """What was claimed of one model, and what is true at most."""

    name: str
    honest: bool
    clean: float
    claimed: float
    refed: float
    bpda: float
    search: float
    trusted: bool
    failed: tuple[str, ...]
    quick: float
    quick_trusted: bool

    @property
    def true(self) -> float:
        """The least robust accuracy that any of the attacks from outside leaves."""
        return min(self.refed, self.bpda, self.search)

    @property
    def blind_spot(self) -> bool:
        """Whether only Square shows that it is overstated: that takes a suite that searches without gradients."""
        return self.trusted and self.true + OVERSTATED < self.claimed <= min(self.refed, self.bpda) + OVERSTATED

    @property
    def wrong(self) -> bool:
        """Whether it is overstated and trusted, or honest and not trusted."""
        return (self.trusted and self.claimed > self.true + OVERSTATED) or (self.honest and not self.trusted)


def left(net: Net, x: Tensor, y: Tensor) -> Tensor:
    """Which rows are still classified correctly."""
    with torch.no_grad():
        return torch.cat([net(part) for part in torch.split(x, 128)]).argmax(1) == y


def climb(net: Net, twin: Net, x: Tensor, y: Tensor, steps: int, restarts: int) -> tuple[Tensor, Tensor]:
    """Ascend the cross entropy and the margin of `net` along the gradient of `twin`; return points, and which rows are right."""
    best, right = x.clone(), left(net, x, y)
    rows = torch.arange(len(x))
    for restart in range(restarts):
        draw = torch.Generator().manual_seed(restart)
        z = x + WITHIN * (2 * torch.rand(x.shape, generator=draw) - 1) * bool(restart)
        for step in range(steps):
            leaf = z.clamp(0, 1).requires_grad_()
            answer = twin(leaf)
            with torch.no_grad():
                logits = net(leaf)
            fooled = (logits.argmax(1) != y) & right
            best[fooled], right = leaf.detach()[fooled], right & ~fooled
            seen = answer + (logits - answer).detach() if answer.shape == logits.shape else answer
            other = seen.detach().scatter(1, y[:, None], -torch.inf).argmax(1)
            gap = seen[rows, other] - seen[rows, y]
            loss = gap if restart % 2 else torch.nn.functional.cross_entropy(seen, y, reduction="none")
            g = torch.autograd.grad(loss.sum(), leaf)[0].nan_to_num(0, 0, 0)
            length = WITHIN * (0.02 ** (step / steps))
            z = (leaf.detach() + length * g.sign()).clamp(x - WITHIN, x + WITHIN).clamp(0, 1)
    return best, right


def search(net: Net, x: Tensor, y: Tensor, queries: int) -> Tensor:
    """Square of pyautoattack; return which rows are right."""
    attacks = importlib.import_module("pyautoattack.square")  # of the environment of `make bench` alone
    square = attacks.SquareAttack(
        lambda z: net(z).float(), norm="Linf", n_queries=queries, eps=WITHIN, seed=7, device="cpu"
    )
    found = torch.cat([square.perturb(*part) for part in zip(torch.split(x, 128), torch.split(y, 128), strict=True)])
    return left(net, found.clamp(x - WITHIN, x + WITHIN).clamp(0, 1), y) & left(net, x, y)


def measure(case: Case, x: Tensor, y: Tensor, suite: str, queries: int, steps: int) -> Row:
    """Evaluate a case with a suite, and attack it from outside."""
    threat = eb.Threat("linf", EPS)
    quick, run = (eb.evaluate(case.net, (x, y), threat, suite=s, progress=lambda *_: None) for s in ("quick", suite))
    fed, _ = climb(case.twin, case.twin, x, y, steps, 2)
    bpda = climb(case.net, case.twin, x, y, steps, 4)[1]
    return Row(
        case.name,
        case.honest,
        run.clean_accuracy,
        run.robust_accuracy(),
        float((left(case.net, fed, y) & left(case.net, x, y)).double().mean()),
        float(bpda.double().mean()),
        float(search(case.net, x, y, queries).double().mean()),
        run.trusted,
        tuple(sorted({finding.id for finding in run.findings if finding.severity == "FAIL"})),
        quick.robust_accuracy(),
        quick.trusted,
    )


def table(rows: list[Row], n: int, suite: str, queries: int) -> Iterator[str]:
    """The page."""
    bad = [row for row in rows if row.wrong]
    lies = sum(not row.honest for row in rows)
    yield "# Gradients that lie\n"
    yield (
        "Written by `.venv-bench/bin/python benchmarks/lying_gradients.py`. Robust accuracy in linf at ε = 0.11 of small networks on "
        f"{n} images of scikit-learn's digits, as `evaluate` with the suite *{suite}* gives it, and as three attacks from outside "
        "leave it: the twin's adversarial images fed to the model, BPDA with the twin's gradient, and the Square of pyautoattack with "
        f"{queries:,} queries. The true value is at most the least of them. The last two columns are those of the suite *quick*.\n"
    )
    yield (
        f"{lies} models that lie or are masked, {len(rows) - lies} honest ones. Overstated by more than 2 points and trusted, or "
        f"honest with a FAIL: {', '.join(row.name for row in bad) or 'none'}; only Square shows it of: "
        f"{', '.join(row.name for row in bad if row.blind_spot) or 'none'}.\n"
    )
    yield "| model | honest | clean | claimed | true at most | re-fed | BPDA | Square | trusted | FAIL | quick | quick trusted |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- | ---: | --- |"
    for row in rows:
        figures = " | ".join(
            f"{100 * value:.1f}" for value in (row.clean, row.claimed, row.true, row.refed, row.bpda, row.search)
        )
        name = f"**{row.name}**" if row.wrong else row.name
        yield (
            f"| {name} | {'yes' if row.honest else 'no'} | {figures} | {'yes' if row.trusted else 'no'} "
            f"| {', '.join(row.failed) or '-'} "
            f"| {100 * row.quick:.1f} | {'yes' if row.quick_trusted else 'no'} |"
        )


def main() -> None:
    """Measure all cases, and write the table and the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--n", type=int, default=300, help="test images")
    parser.add_argument("--suite", default="standard", choices=["quick", "standard"], help="of the evaluation")
    parser.add_argument("--queries", type=int, default=5000, help="of Square, for each image")
    parser.add_argument("--steps", type=int, default=30, help="of BPDA, in each of four restarts")
    parser.add_argument("--only", nargs="+", default=[""], help="parts of the names of the cases that are run")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    options = parser.parse_args()
    torch.set_num_threads(1)
    x, y = eb.load_data("digits", "train")
    net = train(x, y)
    tx, ty = eb.load_data("digits", "test", options.n)
    rows = []
    for case in (*lying(net), *honest(net, x, y)):
        if any(part in case.name for part in options.only):
            started = time.perf_counter()
            rows.append(measure(case, tx, ty, options.suite, options.queries, options.steps))
            mark = "WRONG" if rows[-1].wrong else ""
            print(f"{case.name}: {rows[-1].claimed:.3f} claimed, {rows[-1].true:.3f} true, {rows[-1].failed} {mark}"
                  f" {time.perf_counter() - started:.0f} s", flush=True)  # fmt: skip
    if options.only == [""]:
        figures = {
            "n": len(tx),
            "eps": EPS,
            "queries": options.queries,
            "rows": [{**asdict(row), "true": row.true} for row in rows],
        }
        (options.out / "lying_gradients.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
        page = "\n".join(table(rows, len(tx), options.suite, options.queries)) + "\n"
        (options.out / "lying_gradients.md").write_text(page, encoding="utf-8")
    raise SystemExit(any(row.wrong for row in rows))


if __name__ == "__main__":
    main()
