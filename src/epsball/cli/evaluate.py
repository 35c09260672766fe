"""``epsball evaluate``: how robust is a model?"""

from typing import Annotated

import typer

from epsball.cli.loading import batching, share, source, threat
from epsball.cli.options import (
    Anyway,
    Bfloat16,
    BudgetOfTime,
    Count,
    Crop,
    Data,
    Device,
    Eps,
    Estimate,
    ExpectClean,
    Gate,
    Json,
    Key,
    Levels,
    Mean,
    ModelSpec,
    Norm,
    Out,
    Outputs,
    Seed,
    Size,
    Split,
    Std,
    Tune,
)
from epsball.cli.running import checked_gate, conclude
from epsball.cli.running_time import budget_of
from epsball.evaluation.evaluate import evaluate as measure
from epsball.evaluation.selection import by_name


def evaluate(
    ctx: typer.Context,
    model: ModelSpec,
    *,
    data: Data,
    norm: Norm,
    eps: Eps = None,
    levels: Levels = None,
    suite: Annotated[str, typer.Option(help="Of `list suites`, or attacks with commas between: fgsm,pgd,deepfool.")] = (
        "standard"
    ),
    n: Count = None,
    split: Split = "test",
    size: Size = None,
    crop: Crop = None,
    out: Out = None,
    every_sample: Annotated[
        bool, typer.Option("--every-sample", help="Give every attack every sample, not only those robust so far.")
    ] = False,
    thorough: Annotated[
        bool,
        typer.Option(
            "--thorough",
            help="Afterwards look harder at 32 robust samples: no gradients, noise, more steps, restarts, and a planted error.",
        ),
    ] = False,
    gate: Gate = None,
    budget: BudgetOfTime = None,
    anyway: Anyway = False,
    expect_clean: ExpectClean = None,
    seed: Seed = 0,
    device: Device = "cpu",
    mean: Mean = None,
    std: Std = None,
    outputs: Outputs = "logits",
    key: Key = "",
    estimate: Estimate = None,
    tune: Tune = False,
    bfloat16: Bfloat16 = False,
    as_json: Json = False,
) -> None:
    """Measure clean and robust accuracy under a suite of attacks, every reported success verified."""
    fraction, bounds, chosen = checked_gate(gate, eps), threat(norm, eps, levels), by_name(suite)
    limit, expected = budget_of(budget, ctx), share(expect_clean, "--expect-clean")
    given = source(
        model,
        data,
        split=split,
        n=n,
        device=device,
        size=size,
        crop=crop,
        mean=mean,
        std=std,
        outputs=outputs,
        key=key,
        estimate=estimate,
    )
    conclude(
        lambda: measure(
            given.model,
            given.data,
            bounds,
            suite=chosen,
            out=out,
            seed=seed,
            anyway=anyway,
            expect_clean=expected,
            every_sample=every_sample,
            thorough=thorough,
            source=data,
            split=given.split,
            batching=batching(given, tune=tune, bfloat16=bfloat16),
            budget=limit,
        ),
        out,
        gate=fraction,
        as_json=as_json,
    )
