"""One logistic regression in nine forms: is its robust accuracy the same in each, whatever package it comes from?

scikit-learn fits it, its weights are rounded to float32, and every form takes them from that one file. A form is measured in a process
of its own, for Keras chooses its back end as it is imported.

python benchmarks/one_model.py [--rows 200]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn.functional import cross_entropy

import epsball as eb
from epsball.attacks.suites import suite
from harness import Line, add_options, options_of, publish
from one_model_forms import FORMS, TORCH, fit

if TYPE_CHECKING:
    from torch import Tensor

DATA = {"digits": (0.12, 1.0), "mnist-5k": (0.06, 0.1)}
"""For each data set ε in linf, at which about half of the images fall, and the regression's C."""
WANTED = {"gradients": 0, "scores": 3, "labels": 8}
"""How many percentage points the robust accuracy of each kind of form may be off that of torch."""

HEAD = """# One model in nine forms

Written by `python benchmarks/one_model.py`: one logistic regression that scikit-learn fitted, the same weights in each form, {rows}
test images, suite *standard* (which asks for scores or labels alone where there are no gradients), l∞. *Own* is the accuracy of the
package's own prediction; the gradient is that of the cross-entropy on the test images, and its figure the largest difference to
torch's. *By noise* is the share of the errors found that stand in the name of random noise; the last column is the robust accuracy of
the same suite without it.

| data | ε | form | package | clean | own | gradient | suite | robust | by noise | without noise |
| --- | ---: | --- | --- | ---: | ---: | ---: | --- | ---: | ---: | ---: |"""


@dataclass(frozen=True)
class Row:
    """What was measured of one form; accuracies as fractions, `gradient` None where there is none."""

    form: str
    package: str
    suite: str
    clean: float
    own: float
    gradient: float | None
    robust: float
    by_noise: float
    without_noise: float


def main() -> None:
    """Measure every form on every data set, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.set_defaults(rows=200, threads=1)
    parser.add_argument("--form", choices=list(FORMS), help=argparse.SUPPRESS)
    parser.add_argument("--data", choices=list(DATA), help=argparse.SUPPRESS)
    parser.add_argument("--fitted", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    options = options_of(vars(given))
    if given.form:
        print(json.dumps(asdict(measured(given.form, given.data, given.rows, given.fitted))))
        return
    lines, table = [], [HEAD.format(rows=options.rows)]
    for data, (_, inverse) in DATA.items():
        with tempfile.TemporaryDirectory() as scratch:
            fitted = fit(data, inverse, Path(scratch))
            rows = {form: measured_apart(form, data, options.rows, fitted) for form in FORMS}
        for row in rows.values():
            table.append(shown(data, row))
            print(table[-1], flush=True)
            lines += judged(data, row, rows[TORCH])
    publish("one_model", options, lines, quiet=True)
    (options.out / "one_model.md").write_text("\n".join(table) + "\n", encoding="utf-8")


def measured_apart(form: str, data: str, rows: int, fitted: Path) -> Row:
    """The same as `measured`, in a fresh process, on the back end of Keras that the form needs."""
    words = ["--form", form, "--data", data, "--rows", str(rows), "--fitted", str(fitted)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "KERAS_BACKEND": FORMS[form].back_end}
    done = subprocess.run(
        [sys.executable, __file__, *words], check=True, stdout=subprocess.PIPE, text=True, env=environment
    )
    return Row(**json.loads(done.stdout.splitlines()[-1]))


def measured(form: str, data: str, rows: int, fitted: Path) -> Row:
    """Measure one form in this process."""
    x, y = eb.load_data(data, "test", rows)
    threat = eb.Threat("linf", DATA[data][0])
    made = FORMS[form].make(fitted, x)
    run = eb.evaluate(made.model, (x, y), threat)
    others = {
        name: attack for name, attack in suite(run.plan.suite).items() if name in run.plan.attacks and name != "noise"
    }
    found = run.by[np.isfinite(run.upper) & (run.clean == run.label)]
    return Row(
        form, made.package, run.plan.suite,
        clean=run.clean_accuracy,
        own=float((made.own(x) == y.numpy()).mean()),
        gradient=gradient_error(made.model, FORMS[TORCH].make(fitted, x).model, x, y),
        robust=run.robust_accuracy(),
        by_noise=float((found == "noise").sum() / max(1, len(found))),
        without_noise=eb.evaluate(made.model, (x, y), threat, suite=others).robust_accuracy(),
    )  # fmt: skip


def gradient_error(model: eb.Model, reference: eb.Model, x: Tensor, y: Tensor) -> float | None:
    """The largest difference between the gradients of two models, None where the first gives none."""
    found = []
    for each in (model, reference):
        free = x.clone().requires_grad_()
        logits = each(free)
        if not logits.requires_grad:
            return None
        found.append(torch.autograd.grad(cross_entropy(logits, y, reduction="sum"), free)[0])
    return float((found[0] - found[1]).abs().max())


def judged(data: str, row: Row, reference: Row) -> list[Line]:
    """What is wanted of a form beside torch's; percentage points where accuracies are compared."""
    kind = FORMS[row.form].kind
    lines = [
        Line(data, row.form, "clean accuracy, off the package's own", points(row.clean, row.own), "<= 0"),
        Line(
            data, row.form, "robust accuracy, off torch's", points(row.robust, reference.robust), f"<= {WANTED[kind]:g}"
        ),
        Line(data, row.form, "errors that noise alone finds", points(row.without_noise, row.robust), "<= 0"),
    ]
    if kind == "gradients":
        largest = math.inf if row.gradient is None else row.gradient
        lines.append(Line(data, row.form, "gradient, largest difference to torch's", largest, "<= 1e-5"))
    return lines


def points(one: float, other: float) -> float:
    """How many percentage points two accuracies are apart."""
    return round(100 * abs(one - other), 6)


def shown(data: str, row: Row) -> str:
    """A row of the table."""
    gradient = "none" if row.gradient is None else f"{row.gradient:.1e}"
    cells = [
        data, f"{DATA[data][0]:g}", row.form, row.package, f"{row.clean:.1%}", f"{row.own:.1%}", gradient, row.suite,
        f"{row.robust:.1%}", f"{row.by_noise:.1%}", f"{row.without_noise:.1%}",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
