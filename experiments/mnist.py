"""The paper's figures on the whole of MNIST: accuracy under FGSM and DeepFool, and ρ of two networks in the paper's own space.

python experiments/mnist.py [--networks mlp-512 fc-500-150 lenet-mnist] [--samples 10000] [--out docs/results/mnist.json]

Needs MNIST (`EPSBALL_DATA` or the network). Trained weights are kept in .cache/experiments and used again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import epsball as eb
from epsball.metrics import wilson
from epsball.thresholds import relative_to, smallest_budget
from epsball.train.loop import fit
from epsball.train.recipe import recipe_for

if TYPE_CHECKING:
    from torch import Tensor

CACHE = Path(".cache/experiments")
PAPER = {
    "mlp-512": {"clean": 0.97, "FGSM": 0.29, "DeepFool": 0.0104},
    "fc-500-150": {"error": 0.017, "rho": 0.11},
    "lenet-mnist": {"error": 0.01, "rho": 0.20},
}


def main() -> None:
    """Train, attack, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=list(PAPER), choices=list(PAPER))
    parser.add_argument("--samples", type=int, default=10_000, help="test images")
    parser.add_argument("--out", type=Path, default=Path("docs/results/mnist.json"))
    options = parser.parse_args()
    train, test = eb.load_data("mnist", "train"), eb.load_data("mnist", "test", options.samples)
    figures = {name: {"paper": PAPER[name], "measured": measure(name, train, test)} for name in options.networks}
    record = {
        "command": " ".join(["python", *sys.argv]),
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "samples": options.samples,
        "networks": figures,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2))


def measure(name: str, train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> dict[str, Any]:
    """One network's figures."""
    model = trained(name, train)
    x, y = test
    started = time.perf_counter()
    found = eb.DeepFool()(model, x, y, eb.Threat(eb.l2))
    seconds = time.perf_counter() - started
    clean, left = int((found.distance > 0).sum()), int((~found.success).sum())
    eps, accuracy = smallest_budget(eb.FGSM(), model, x, y, eb.linf, accuracy=0.29, most=0.5)
    right = (found.distance > 0) & found.success
    centred = relative_to(found.x, x, train[0].mean(0))
    return {
        "clean accuracy": clean / len(x),
        "clean accuracy, 95 % interval": wilson(clean, len(x)),
        "accuracy under DeepFool": left / len(x),
        "FGSM falls through 29 % at ε": eps,
        "accuracy under FGSM there": accuracy,
        "mean ρ of correctly classified samples, pixels": found.relative[right].mean().item(),
        "mean ρ of correctly classified samples, the paper's space (mean image subtracted)": centred[right]
        .mean()
        .item(),
        "mean l2 distance": found.distance[right].mean().item(),
        "DeepFool, milliseconds a sample": 1e3 * seconds / len(x),
    }


def trained(name: str, train: tuple[Tensor, Tensor]) -> eb.Model:
    """The network by the recipe of the package, trained once."""
    weights = CACHE / f"{name}.safetensors"
    if not weights.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        eb.save_weights(fit(eb.load_model(f"zoo:{name}"), train, recipe_for(name, "mnist")).model, weights)
    return eb.load_model(f"zoo:{name}@{weights}")


if __name__ == "__main__":
    main()
