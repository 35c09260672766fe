"""``epsball check``: has a model become less robust than it was?"""

from pathlib import Path
from typing import Annotated

import typer

from epsball.cli.loading import batching, share, source, threat
from epsball.cli.options import (
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
from epsball.cli.output import note
from epsball.cli.running import conclude_verdict, interruptible
from epsball.cli.running_time import budget_of
from epsball.evaluation.selection import by_name
from epsball.gate.check import MAX_DROP
from epsball.gate.check import check as hold
from epsball.gate.junit import junit_bytes
from epsball.gate.markdown import markdown_bytes
from epsball.gate.sarif import sarif_bytes
from epsball.record.files import write_whole
from epsball.units import parse_fraction


def check(
    ctx: typer.Context,
    model: ModelSpec,
    *,
    data: Data,
    norm: Norm,
    eps: Eps = None,
    levels: Levels = None,
    baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What --write-baseline wrote, or a run folder.")
    ] = None,
    max_drop: Annotated[
        str, typer.Option(metavar="DROP", help="The most that robust accuracy may fall: 2pt, 2%, 0.02.")
    ] = MAX_DROP,
    gate: Gate = None,
    write: Annotated[
        Path | None,
        typer.Option("--write-baseline", metavar="FILE", help="Write what later checks are held against."),
    ] = None,
    budget: BudgetOfTime = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the verdict as JUnit XML.")] = None,
    sarif: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the findings as SARIF 2.1.0.")] = None,
    summary: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a Markdown summary for a pull request.")
    ] = None,
    suite: Annotated[
        str | None, typer.Option(help="Of `list suites`, or attacks with commas between; the baseline's when left out.")
    ] = None,
    n: Count = None,
    split: Split = "test",
    size: Size = None,
    crop: Crop = None,
    out: Out = None,
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
    """Hold a model against a baseline: exit 1 if robust accuracy fell by more than is allowed, 3 if the samples cannot tell."""
    expected, least = share(expect_clean, "--expect-clean"), share(gate, "--gate")
    drop = parse_fraction(max_drop, "--max-drop")
    limit, bounds = budget_of(budget, ctx), threat(norm, eps, levels)
    chosen = None if suite is None else by_name(suite)
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
    with interruptible(out):
        verdict = hold(
            given.model,
            given.data,
            bounds,
            baseline,
            max_drop=drop,
            gate=least,
            write_to=write,
            suite=chosen,
            budget=limit,
            out=out,
            seed=seed,
            expect_clean=expected,
            source=data,
            split=given.split,
            batching=batching(given, tune=tune, bfloat16=bfloat16),
        )
    for file, content in ((junit, junit_bytes), (sarif, sarif_bytes), (summary, markdown_bytes)):
        if file is not None:
            write_whole(file, content(verdict))
    if write is not None and verdict.judged:
        note(f"Baseline written: {write}")
    conclude_verdict(verdict, out, as_json=as_json)
