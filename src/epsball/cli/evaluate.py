"""``epsball evaluate``: how robust is a model?"""

from typing import TYPE_CHECKING, Annotated

import typer

from epsball.cli.options import (
    Bfloat16,
    Count,
    Data,
    Device,
    Eps,
    Json,
    Mean,
    ModelSpec,
    Norm,
    Out,
    Outputs,
    Seed,
    Split,
    Std,
    Tune,
    batching,
    source,
    threat,
)
from epsball.cli.running import checked_gate, conclude

if TYPE_CHECKING:
    from epsball.attacks.base import Attack


def evaluate(
    model: ModelSpec,
    *,
    data: Data,
    norm: Norm,
    eps: Eps = None,
    suite: Annotated[str, typer.Option(help="quick, standard, or attacks with commas between: fgsm,pgd,deepfool.")] = (
        "standard"
    ),
    n: Count = None,
    split: Split = "test",
    out: Out = None,
    every_sample: Annotated[
        bool, typer.Option("--every-sample", help="Ask every attack about every sample, not only those still standing.")
    ] = False,
    gate: Annotated[
        str | None, typer.Option(metavar="SHARE", help="Exit 1 if robust accuracy is below this share: 0.8, 4/5.")
    ] = None,
    seed: Seed = 0,
    device: Device = "cpu",
    mean: Mean = None,
    std: Std = None,
    outputs: Outputs = "logits",
    tune: Tune = False,
    bfloat16: Bfloat16 = False,
    as_json: Json = False,
) -> None:
    """Measure clean and robust accuracy under a suite of attacks, every claimed error checked again."""
    from epsball.evaluation.evaluate import evaluate as measure  # noqa: PLC0415 (torch is only loaded by commands that compute)

    share, bounds, asked = checked_gate(gate, eps), threat(norm, eps), _suite(suite)
    given = source(model, data, split=split, n=n, device=device, mean=mean, std=std, outputs=outputs)
    conclude(
        lambda: measure(
            given.model,
            (given.x, given.y),
            bounds,
            suite=asked,
            out=out,
            seed=seed,
            every_sample=every_sample,
            source=data,
            split=split,
            batching=batching(given, tune=tune, bfloat16=bfloat16),
        ),
        out,
        gate=share,
        as_json=as_json,
    )


def _suite(text: str) -> "str | dict[str, Attack]":
    """The name of a suite, or the attacks of a list, by name."""
    from epsball.attacks.suites import ATTACKS, attack  # noqa: PLC0415 (torch is only loaded by commands that compute)

    names = [name.strip() for name in text.split(",")]
    listed = len(names) > 1 or names[0] in ATTACKS or ":" in names[0]
    return {name: attack(name) for name in names} if listed else text
