"""What checks cost: those of every run, and `thorough=True` beside the suite, with what it says of broken forms of a robust network.

python benchmarks/thorough.py [--rows 1000]
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

import epsball as eb
from harness import Line, add_options, options_of, publish
from lying_models import Replaced
from suite_networks import COURSES, Course

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.record import Evaluation

COURSE = Course(COURSES["mnist-pgd"].make, "mnist-5k", 4_000, 20, COURSES["mnist-pgd"].objective)
EPS = 0.3
WANTED = 3.0
CHECKS = ("D07", "D10", "D11", "D12", "D24")
CHEAP, RIDING = 2000, 0.05
FEW = 100
PLAIN = eb.PGD(steps=20)
"""What is run on the broken forms, which is why they look robust."""

HEAD = """# `--thorough`

Written by `python benchmarks/thorough.py`. A convolutional network trained by PGD in linf, ε = 0.3, on the training part of mnist-5k;
{rows} test images. Passes are forward rows and gradients. The broken forms are the same network behind a step that misleads gradients,
at another ε where it says so, under PGD with 20 steps alone.

| network | suite | robust | robust with `--thorough` | passes of the suite | of `--thorough` | ratio | {checks} |
| --- | --- | ---: | ---: | ---: | ---: | ---: | {rule} |"""

EVERY = """
## Checks that every run has

Of the network trained by PGD: passes (forward rows and gradients, counted at the network) before the first attack, beside one for each
sample; and after it those that no attack took: a fresh pass over every success, which is no check but part of the figure; and checks,
which are the 8-bit forms of successes and short searches at other budgets.

| suite | samples | before the first attack | wanted | of the attacks | over successes | of checks | share | wanted |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"""


class Counted(nn.Module):
    """A network that counts rows that pass forward and those that a gradient passes back."""

    def __init__(self, net: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.net, self.passes = net, 0

    def forward(self, x: Tensor) -> Tensor:
        """The network's logits."""
        self.passes += len(x)
        logits = self.net(x)
        if logits.requires_grad:
            logits.register_hook(self._back)  # type: ignore[no-untyped-call] # as PyTorch declares it
        return logits

    def _back(self, gradient: Tensor) -> None:
        self.passes += len(gradient)


def main() -> None:
    """Measure all networks, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.set_defaults(rows=1000, threads=1)
    options = options_of(vars(parser.parse_args()))
    model = COURSE.learn("mnist-5k-pgd")
    x, y = eb.load_data(COURSE.data, split="test", n=options.rows)
    table = [HEAD.format(rows=options.rows, checks=" | ".join(CHECKS), rule=" | ".join("---" for _ in CHECKS))]
    lines, details = [], {}
    for name, (net, suite, eps) in networks(model).items():
        started = time.process_time()
        run = eb.evaluate(net, (x, y), eb.Threat("linf", eps), suite=suite, thorough=True, anyway=True)
        found = measured(run) | {"seconds": time.process_time() - started}
        details[name] = found
        table.append(row(name, suite if isinstance(suite, str) else "PGD(20)", found))
        print(table[-1], flush=True)
        if isinstance(suite, str):
            lines.append(
                Line("mnist-5k-pgd", name, "passes of thorough over the suite's", found["ratio"], f"<= {WANTED}")
            )
    table.append(EVERY)
    for suite in ("quick", "standard"):
        for n in (FEW, options.rows):
            lines += checks_of_every_run(model, suite, x[:n], y[:n], table)
    publish("thorough", options, lines, results=details)
    (options.out / "thorough.md").write_text("\n".join(table) + "\n", encoding="utf-8")


def checks_of_every_run(model: eb.Model, suite: str, x: Tensor, y: Tensor, table: list[str]) -> list[Line]:
    """What is spent before the first attack and beside the attacks."""
    counted = Counted(model.net)
    begun: dict[str, int] = {}
    run = eb.evaluate(
        replace(model, net=counted),
        (x, y),
        eb.Threat("linf", EPS),
        suite=suite,
        progress=lambda stage, *_: begun.setdefault(stage, counted.passes),
    )
    first = next(iter(run.attacks))
    before = begun[first] - begun["checks"]
    attacks = sum(int(rows.queries.sum() + rows.gradients.sum()) for rows in run.attacks.values())
    again = sum(int(rows.success.sum()) for rows in run.attacks.values())
    riding = counted.passes - begun[first] - attacks - again
    table.append(
        f"| {suite} | {len(x):,} | {before:,} | ≤ {CHEAP:,} | {attacks:,} | {again:,} | {riding:,} | {riding / attacks:.1%} "
        f"| ≤ {RIDING:.0%} |"
    )
    print(table[-1], flush=True)
    of = f"{suite}, {len(x)} samples"
    return [
        Line("mnist-5k-pgd", of, "passes before the first attack", before, f"<= {CHEAP}"),
        Line("mnist-5k-pgd", of, "passes of checks over those of attacks", riding / attacks, f"<= {RIDING}"),
    ]


def networks(model: eb.Model) -> dict[str, tuple[Callable[[Tensor], Tensor], Any, float]]:
    """The networks by name, each with its suite and ε."""

    def behind(backward: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        return lambda x: model(Replaced.apply(x, backward))  # type: ignore[no-untyped-call] # as PyTorch declares it

    return {
        "trained by PGD": (model, "standard", EPS),
        "trained by PGD, quick": (model, "quick", EPS),
        "trained by PGD, one attack": (model, [PLAIN], EPS),
        "gradient of noise, ε = 0.4": (behind(lambda x, g: torch.randn(g.shape, generator=seeded(x))), [PLAIN], 0.4),
        "gradient's sign turned, ε = 0.4": (behind(lambda _, g: -g), [PLAIN], 0.4),
        "rounded to 8 levels, ε = 0.4": (lambda x: model((7 * x).round() / 7), [PLAIN], 0.4),
        "two steps only": (model, [eb.PGD(steps=2)], EPS),
    }


def seeded(x: Tensor) -> torch.Generator:
    """Random numbers that are a function of the input."""
    return torch.Generator().manual_seed(int(x.double().sum() * 1e4))


def measured(run: Evaluation) -> dict[str, Any]:
    """Accuracies, passes and findings."""
    passes, upper = {"suite": 0, "thorough": 0}, torch.where(torch.from_numpy(run.clean == run.label), torch.inf, 0.0)
    for name, rows in run.attacks.items():
        control = run.plan.attacks[name].kind == "Selected"
        passes["thorough" if control else "suite"] += int(rows.queries.sum() + rows.gradients.sum())
        if not control:
            broken = torch.isin(torch.from_numpy(run.ids), torch.from_numpy(rows.id[rows.within(run.eps)]))
            upper = torch.where(broken, 0.0, upper)
    return {
        "before": float((upper > 0).double().mean()),
        "after": run.robust_accuracy(),
        "passes": passes,
        "ratio": passes["thorough"] / passes["suite"],
        "findings": {
            each.id: [each.severity, each.evidence]
            for each in sorted(run.findings, key=lambda one: ("INFO", "WARN", "FAIL").index(one.severity))
            if each.id in CHECKS
        },
        "others": sorted({each.id for each in run.findings if each.severity == "FAIL"} - set(CHECKS)),
    }


def row(name: str, suite: str, found: dict[str, Any]) -> str:
    """A line of the table."""
    said = " | ".join(found["findings"].get(check, ["none"])[0] for check in CHECKS)
    passes = f"{found['passes']['suite']:,} | {found['passes']['thorough']:,} | {found['ratio']:.2f}"
    return f"| {name} | {suite} | {found['before']:.1%} | {found['after']:.1%} | {passes} | {said} |"


if __name__ == "__main__":
    main()
