"""Every adapter beside the package that it reads from: answers, gradients, clean and robust accuracy, on networks trained here.

The rows are functions of `adapter_rows.py`; a package that is not here is left out, and said so. Keras is asked on both its back ends,
each in a process of its own.

python benchmarks/adapters.py [--only NAME …]
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import adapter_rows as rows
import adapter_rows_foreign as foreign
import epsball as eb
from adapter_rows import Digits, Row
from harness import HERE, Line, add_options, options_of, publish

if TYPE_CHECKING:
    from collections.abc import Callable

SLOPE = 1e-5
ROWS: dict[str, tuple[str, Callable[[Digits, Path], Row | None]]] = {
    "torchscript": ("torch", rows.torchscript),
    "export": ("torch", rows.export),
    "timm": ("timm", rows.timm),
    "hf": ("transformers", rows.hugging_face),
    "lightning": ("lightning", rows.lightning),
    "robustbench": ("robustbench", rows.robustbench),
    "hub": ("efficientnet_lite_pytorch", rows.hub),
    "sklearn": ("skops", foreign.sklearn),
    "onnx": ("onnx2fx", foreign.onnx),
    "keras": ("keras", foreign.keras),
    "jax": ("jax", foreign.jax),
}
"""Each adapter with the package that it needs."""


def supply_missing() -> Any:
    """The operators of a torchvision built for another PyTorch, as the tests name them."""
    sys.path.remove(str(HERE))  # its autoattack.py is not the package that RobustBench imports
    sys.path.append(str(HERE.parent / "tests"))
    return importlib.import_module("torchvision_here").supply_missing()


def lines(name: str, row: Row, data: Digits) -> list[Line]:
    """The row in figures: differences from the package's own, which are to vanish."""
    x, y = row.data or data.test
    distribution, _, rest = row.package.partition(" ")
    against = f"{distribution} {version(distribution)} {rest}".strip()
    clean = [float((answer(x).argmax(1) == y).double().mean()) for answer in (row.model, row.own)]
    ours, theirs = rows.slope_of(row.model)(x, y), (row.slope or rows.slope_of(row.own))(x, y)
    threat = eb.Threat("linf", row.eps)
    runs = [eb.evaluate(each, (x, y), threat, suite="quick") for each in (row.model, row.plain)]
    robust = [run.robust_accuracy(row.eps) for run in runs]
    return [
        Line(name, against, "clean accuracy less the package's own", abs(clean[0] - clean[1]), "<= 0", f"{clean[0]:.1%}"),
        Line(name, row.slope_of or against, "gradient less its own, largest", float((ours - theirs).abs().max()), f"<= {SLOPE}"),
        Line(name, "plain torch", f"robust accuracy at {row.eps} less", abs(robust[0] - robust[1]), "<= 0", f"{robust[0]:.1%}"),
    ]  # fmt: skip


def on_jax() -> list[Line]:
    """The row of Keras with JAX behind it: the back end is chosen once in a process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--only", "keras", "--out", folder]
        subprocess.run(command, env=os.environ | {"KERAS_BACKEND": "jax"}, check=True)
        found = json.loads((Path(folder) / "adapters.json").read_text(encoding="utf-8"))["lines"]
    return [Line(**{key: value for key, value in line.items() if key != "met"}) for line in found]


def table(lines: list[Line]) -> str:
    """The lines as Markdown, one row an adapter."""
    head = (
        "| adapter | package | clean | less the package's own | gradient less its own | robust | less plain PyTorch |"
    )
    text = [head, "| --- | --- | ---: | ---: | ---: | ---: | ---: |"]
    for clean, slope, robust in zip(lines[::3], lines[1::3], lines[2::3], strict=True):
        beside = "" if slope.against == clean.against else f" ({slope.against})"
        text.append(
            f"| `{clean.network}` | {clean.against} | {clean.note} | {clean.value:g} | {slope.value:.1e}{beside} "
            f"| {robust.note} | {robust.value:g} |"
        )
    return "\n".join(text) + "\n"


def main() -> None:
    """Measure every adapter whose package is here."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--only", nargs="+", choices=list(ROWS), default=list(ROWS))
    given = vars(parser.parse_args())
    options = options_of(given)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    chosen = "KERAS_BACKEND" in os.environ
    warnings.simplefilter("ignore")
    operators, data, found = supply_missing(), rows.digits(min(options.rows, 200)), list[Line]()
    for name in given["only"]:
        package, make = ROWS[name]
        torch.manual_seed(0)
        with tempfile.TemporaryDirectory() as folder:
            row = make(data, Path(folder)) if importlib.util.find_spec(package) else None
            if row is None:
                print(f"{name} is left out: {package}, or what it is measured on, is not here")
                continue
            found += lines(name, row, data)
        if name == "keras" and not chosen and importlib.util.find_spec("jax"):
            found += on_jax()
    publish("adapters", options, found)
    (options.out / "adapters.md").write_text(table(found), encoding="utf-8")
    del operators


if __name__ == "__main__":
    main()
