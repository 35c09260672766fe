"""Evaluations and training on a card."""

from __future__ import annotations

import copy
import dataclasses
import importlib.util
import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

import epsball as eb
from gpu_bench import LeftOut
from gpu_contract import BUDGETS, shortened
from places import ADVERSARIAL, FIT, RECIPE, attacks, place
from plain_networks import TINY, drawn, images, learned, small

if TYPE_CHECKING:
    from torch import nn

    from gpu_bench import Bench

FOLDERS_NEED = ("pyarrow", "safetensors")
POINTS = 0.05
"""By how much an accuracy may differ between devices: they round differently."""
LEARNED = 0.8


def runs(bench: Bench) -> None:
    """Evaluate on both devices, in memory and in a folder, and train."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    net, n = learned(small, TINY), 48 if bench.small else 256
    for norm, eps in BUDGETS.items():
        with bench.case(f"evaluation {norm}"):
            evaluation(bench, net, norm, eps, n)
    with bench.case("evaluation in a folder"):
        folder(bench, net, n)
    with bench.case("images on the processor, network on the card"):
        apart(bench, net, n)
    for name in ("standard", "adversarial", "bfloat16"):
        if bench.in_time(f"training, {name}"):
            with bench.case(f"training, {name}"):
                training(bench, name)


def evaluation(bench: Bench, net: nn.Module, norm: str, eps: float, n: int) -> None:
    """The same evaluation on the card and on the processor."""
    x, y = images(n, TINY, seed=5)
    suite = {name: shortened(attack) for name, attack in attacks().items() if norm in attack.norms}
    suite = dict(list(suite.items())[:3]) if bench.small else suite
    threat = eb.Threat(norm, eps)
    here = eb.evaluate(net, (x, y), threat, suite)
    there = eb.evaluate(copy.deepcopy(net).to(bench.device), (x.to(bench.device), y.to(bench.device)), threat, suite)
    bench.check("evaluation: columns are NumPy's", isinstance(there.upper, np.ndarray))
    bench.check("evaluation: lower <= upper", (there.lower <= there.upper).all())
    accuracies = [run.robust_accuracy(eps) for run in (here, there)]
    bench.check("evaluation: robust accuracy", abs(accuracies[0] - accuracies[1]) <= POINTS, str(accuracies))
    bench.check("evaluation: clean labels", (here.clean == there.clean).mean() >= 1 - POINTS)
    ids = [sorted(finding.id for finding in run.findings) for run in (here, there)]
    bench.figures[f"evaluation {norm}"] = {"processor, device": accuracies, "findings": ids, "seconds": there.seconds}


def folder(bench: Bench, net: nn.Module, n: int) -> None:
    """A run folder written from the card is read back, and is taken up again after it broke off."""
    missing = [name for name in FOLDERS_NEED if importlib.util.find_spec(name) is None]
    if missing:
        raise LeftOut(f"a run folder needs {', '.join(missing)}, which this interpreter lacks")
    x, y = (t.to(bench.device) for t in images(n, TINY, seed=5))
    model, threat = copy.deepcopy(net).to(bench.device), eb.Threat("linf", BUDGETS["linf"])
    suite = [eb.FGSM(), eb.PGD(steps=8)]
    whole = eb.evaluate(model, (x, y), threat, suite)
    with tempfile.TemporaryDirectory() as place_:
        stages: list[str] = []

        def stop(stage: str, *_: Any) -> None:
            stages.append(stage)
            if stage == "pgd":
                raise KeyboardInterrupt

        try:
            eb.evaluate(model, (x, y), threat, suite, out=f"{place_}/run", progress=stop)
        except KeyboardInterrupt:
            bench.figures["stopped after"] = stages[-2:]
        resumed = eb.evaluate(model, (x, y), threat, suite, out=f"{place_}/run")
        bench.check("folder: broken off", "pgd" in stages)
        bench.check("folder: the same rows", np.array_equal(whole.upper, resumed.upper))
        again = eb.evaluate(model, (x, y), threat, suite, out=f"{place_}/run")
        bench.check("folder: read back", np.array_equal(again.upper, resumed.upper))


def apart(bench: Bench, net: nn.Module, n: int) -> None:
    """Images that lie elsewhere than the network are moved, or refused in one sentence."""
    x, y = images(n, TINY, seed=5)
    try:
        run = eb.evaluate(copy.deepcopy(net).to(bench.device), (x, y), eb.Threat("linf", 0.1), [eb.FGSM()])
        bench.figures["images on the processor"] = f"evaluated, clean accuracy {run.clean_accuracy:.1%}"
    except (eb.InputError, eb.ModelError) as error:
        bench.figures["images on the processor"] = f"refused: {str(error)[:300]}"


def training(bench: Bench, name: str) -> None:
    """One network from the same seed twice: on the device, learning, and the same again."""
    fit, recipe = place(FIT), place(RECIPE)(epochs=8, batch_size=32)
    x, y = images(640 if bench.small else 2560, TINY, seed=6)
    valid = images(256, TINY, seed=7)
    settings: dict[str, Any] = {}
    if name == "adversarial":
        settings["objective"] = place(ADVERSARIAL)(eb.PGD(steps=3), eb.Threat("linf", 0.03))
    if name == "bfloat16":
        recipe = dataclasses.replace(recipe, bfloat16=True)
    net = drawn(small).to(bench.device)
    trained = [fit(net, (x, y), recipe, validation=valid, seed=3, **settings) for _ in range(2)]
    weights = [run.model.module.state_dict() for run in trained]
    bench.check(
        "training: weights on the device", all(w.device == x.to(bench.device).device for w in weights[0].values())
    )
    accuracy = trained[0].history[-1].accuracy
    bench.check("training: it learns", accuracy >= LEARNED, f"accuracy {accuracy}")
    off = max((weights[0][key].double() - weights[1][key].double()).abs().max().item() for key in weights[0])
    seconds = [epoch.seconds for epoch in trained[0].history]
    bench.figures[f"training, {name}"] = {
        "accuracy": accuracy,
        "seconds": seconds,
        "largest difference when repeated": off,
    }
