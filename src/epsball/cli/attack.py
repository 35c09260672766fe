"""``epsball attack``: one attack, with its settings as flags."""

from typing import Annotated

import typer

from epsball.attacks import Attack, Restarts, Targeted
from epsball.attacks.registry import registry
from epsball.cli.fields import configured
from epsball.cli.loading import Source, batching, share, source, threat
from epsball.cli.options import (
    Anyway,
    Bfloat16,
    Count,
    Crop,
    Data,
    Device,
    Eps,
    Estimate,
    ExpectClean,
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
from epsball.cli.running import conclude
from epsball.errors import InputError
from epsball.evaluation.evaluate import evaluate


def attack(
    ctx: typer.Context,
    model: ModelSpec,
    *,
    data: Data,
    name: Annotated[
        str, typer.Option("--attack", metavar="NAME", help="Of `epsball list attacks`, module:Class or file.py:Class.")
    ],
    norm: Norm,
    eps: Eps = None,
    levels: Levels = None,
    target: Annotated[
        int | None,
        typer.Option(
            metavar="LABEL", help="Only this class counts as a success; samples that have it as label are left out."
        ),
    ] = None,
    restarts: Annotated[int, typer.Option(min=1, help="Repeat with fresh random numbers, keep the best.")] = 1,
    n: Count = None,
    split: Split = "test",
    size: Size = None,
    crop: Crop = None,
    out: Out = None,
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
    """Run one attack on every sample that is classified correctly.

    The attack's own settings are flags too: --attack pgd --steps 100 --rate 1/20 --loss margin --no-random-start.
    """
    name = registry().spelled(name)
    bounds, chosen = threat(norm, eps, levels), _attack(name, ctx.args, restarts, target)
    expected = share(expect_clean, "--expect-clean")
    if eps is None and not chosen.minimum_norm:
        raise InputError(f"{name} searches within a budget and has none; give --eps, such as --eps 0.1 or --eps 8/255")
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
    _check(given, target)
    conclude(
        lambda: evaluate(
            given.model,
            given.data,
            bounds,
            suite={name: chosen},
            out=out,
            seed=seed,
            anyway=anyway,
            expect_clean=expected,
            source=data,
            split=given.split,
            batching=batching(given, tune=tune, bfloat16=bfloat16),
        ),
        out,
        gate=None,
        as_json=as_json,
    )


def _attack(name: str, words: list[str], restarts: int, target: int | None) -> Attack:
    made: Attack = configured(name, words)
    if not isinstance(made, Attack):
        raise InputError(f"{name} made a {type(made).__name__}; expected a subclass of epsball.Attack")
    made = Restarts(made, restarts) if restarts > 1 else made
    return made if target is None else Targeted(made, target)


def _check(given: Source, target: int | None) -> None:
    classes = given.model(given.x[:1]).shape[1]
    if target is not None and not 0 <= target < classes:
        raise InputError(f"--target was given as {target}; the model has the classes 0 to {classes - 1}")
