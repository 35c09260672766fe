"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

ModelSpec = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="zoo:NAME@weights.safetensors; path/to/file.py:factory, @weights where it needs them; onnx:file.onnx; hub:NAME.",
    ),
]
Data = Annotated[
    str,
    typer.Option(
        metavar="DATA",
        help="mnist-5k, digits (embedded), mnist, cifar10, imagenet-sample, a Parquet file or folder, an image folder, an .npz",
    ),
]
Split = Annotated[str, typer.Option(help="Part of the data: train or test.")]
Count = Annotated[int | None, typer.Option("--n", min=1, help="Use the first N samples; all by default.")]
Norm = Annotated[str, typer.Option(help="linf, l2, l1 or l0.")]
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
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]
Mean = Annotated[
    str | None,
    typer.Option(help="What the model's training subtracted, one number or one per channel: 0.49,0.48,0.45."),
]
Std = Annotated[str | None, typer.Option(help="What it divided by, likewise.")]
Outputs = Annotated[
    str, typer.Option(help="What the model returns: logits, probs (also one probability) or binary (one logit).")
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
