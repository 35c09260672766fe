"""Options that several commands share."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from epsball.data import SOURCES
from epsball.geometry import NORMS
from epsball.models.adapters import python_file
from epsball.models.load import SCHEMES


def model_forms() -> list[str]:
    """How a model is named: a file's factory, then every scheme of the registry, as the first line of its own file says."""
    readers = {name: SCHEMES[name] for name in SCHEMES if SCHEMES.is_own(name)}
    lines = {name: sys.modules[reader.__module__].__doc__ or "" for name, reader in readers.items()}
    own = [text.split("`")[1] if text.startswith("`") else f"{name}:…" for name, text in lines.items()]
    return [(python_file.__doc__ or "").split("`")[1], *own, *(f"{name}:…" for name in SCHEMES if name not in readers)]


ModelSpec = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="; ".join(model_forms()).replace("[", r"\[") + ".",
    ),
]
Data = Annotated[
    str,
    typer.Option(
        metavar="DATA",
        help=f"{', '.join(SOURCES)}; {SOURCES.also}.",
    ),
]
Split = Annotated[str, typer.Option(help="Part of the data: train or test, or one of a DatasetDict's own.")]
Size = Annotated[
    int | None,
    typer.Option(
        min=1, help="Photographs of any size: resize the shorter side to this, bilinear, and keep the middle square."
    ),
]
Crop = Annotated[
    int | None,
    typer.Option(min=1, help="Side of that square; without --size the shorter side becomes crop x 8/7: 256 for 224."),
]
Count = Annotated[int | None, typer.Option("--n", min=1, help="Use the first N samples; all by default.")]
Norm = Annotated[str, typer.Option(help=f"{', '.join(NORMS)}.")]
Eps = Annotated[
    str | None,
    typer.Option(
        metavar="EPS",
        help="Budget in data units: 0.1, 8/255. Without it attacks search for the nearest error at any distance.",
    ),
]
Levels = Annotated[
    int | None,
    typer.Option(help="Values that a feature may have, 256 for pictures of 8 bits; any value without it."),
]
Seed = Annotated[int, typer.Option(help="Seed of every draw.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")]
Tune = Annotated[
    bool,
    typer.Option(
        "--tune",
        help="Time batch sizes and memory formats on the first images and use the fastest; a fixed rule otherwise.",
    ),
]
Bfloat16 = Annotated[
    bool,
    typer.Option("--bfloat16", help="Search in bfloat16; every success is verified in the model's own precision."),
]
Anyway = Annotated[
    bool,
    typer.Option("--anyway", help="Attack also a model that guesses; otherwise the run ends after the clean pass."),
]
ExpectClean = Annotated[
    str | None,
    typer.Option(
        metavar="FRACTION",
        help="Clean accuracy that the model has elsewhere, 0.56: with another one here the run ends after the clean pass.",
    ),
]
BudgetOfTime = Annotated[
    str | None,
    typer.Option(
        "--budget",
        metavar="TIME",
        help="Evaluate as many samples, in an order drawn by the seed, as fit: 60s, 5m, 1h; or '12 rounds' without a clock.",
    ),
]
Gate = Annotated[
    str | None,
    typer.Option(
        metavar="FRACTION",
        help="Exit 1 if the 95 % interval of robust accuracy lies below this fraction, 3 if it holds it: 0.8, 80%, 4/5.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]
Mean = Annotated[
    str | None,
    typer.Option(help="What the model's training subtracted, one number or one per channel: 0.49,0.48,0.45."),
]
Std = Annotated[str | None, typer.Option(help="What it divided by, likewise.")]
Outputs = Annotated[
    str,
    typer.Option(
        help="What the model returns: logits, probs (also one probability), binary (one logit) or reject (logits, rejection last)."
    ),
]
Key = Annotated[
    str, typer.Option(help="Which entry of the model's answer that is, by name or number, where it has several.")
]
Estimate = Annotated[
    str | None,
    typer.Option(
        metavar="ESTIMATOR",
        help="Another way to the model's answers and gradients: eot:10 (mean of passes), nes:50, spsa:50 (logits alone), bpda:LAYER.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Run folder: results are written as they come; the same command resumes."),
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder that `epsball evaluate --out` wrote.")]
