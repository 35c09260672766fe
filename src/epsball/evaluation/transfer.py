"""Which networks do the adversarial examples of which network deceive?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from epsball.attacks.combine import Transfer
from epsball.errors import InputError
from epsball.evaluation.plan import attack_plan, threat_plan
from epsball.goal import Goal
from epsball.models.forward import logits_of, numpy_of
from epsball.models.identify import held
from epsball.models.rejection import REJECT
from epsball.models.wrap import wrap
from epsball.oracle.batching import batching_by_rule
from epsball.record.arrays import array_blocks
from epsball.record.files import make_folder, read_bytes, sha256, write_whole
from epsball.record.manifest import json_bytes
from epsball.record.plan import data_fingerprint, portable
from epsball.record.statistics import wilson
from epsball.validation import checked_goal, checked_inputs, given_threat

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from epsball.attacks.base import Attack
    from epsball.models.model import Model
    from epsball.threat import Threat

FEWEST = 2
_MATRIX = "transfer.json"


@dataclass(frozen=True, eq=False)
class TransferMatrix:
    """Accuracies of target networks on the adversarial examples of source networks.

    A sample counts as right if the target classifies both the input and the example correctly, so that the diagonal is what the attack
    leaves of a network's own accuracy, measured at the attack's last points.

    Args:
        names: of the networks.
        n: number of samples.
        clean: samples that each target classifies correctly `(T,)`.
        right: samples that it still does on the examples of each source `(S, T)`.
        document: all of this, and which attack, threat, data and networks they are of, as plain values.
    """

    names: tuple[str, ...]
    n: int
    clean: NDArray[np.int64]
    right: NDArray[np.int64]
    document: dict[str, Any]

    def accuracy(self, source: int, target: int) -> float:
        """The fraction of samples that the target classifies correctly on the examples of the source."""
        return float(self.right[source, target] / self.n)

    def interval(self, source: int, target: int) -> tuple[float, float]:
        """Its 95 % interval."""
        return wilson(int(self.right[source, target]), self.n)


def transfer(
    models: Mapping[str, Callable[[Tensor], Any] | Model],
    data: tuple[Tensor, Tensor],
    threat: Threat,
    attack: Attack,
    out: str | Path | None = None,
    *,
    seed: int = 0,
) -> TransferMatrix:
    """Attack every network and show its examples to all of them.

    Args:
        models: the networks by name, each a source and a target.
        data: inputs x (N, …) in the threat's box, and labels y (N,).
        threat: norm, budget ε in data units and box.
        attack: what is run on each source, to its end; see `epsball.Transfer`.
        out: a folder for `transfer.json` and each source's examples, in a file that is named by the hash of its source's weights.
        seed: seed of all draws.

    Raises:
        InputError: fewer than two networks, or arguments that cannot be used.
        ModelError: a network failed.
    """
    if len(models) < FEWEST:
        raise InputError(
            f"a transfer needs at least {FEWEST} networks, and {', '.join(models) or 'none'} was given; name another one"
        )
    threat = given_threat(threat)
    x = checked_inputs(data[0], threat)
    y = checked_goal(Goal(data[1]), len(x), x.device).labels
    nets = {name: wrap(net) for name, net in models.items()}
    made_of = {
        "data": data_fingerprint(numpy_of(x), numpy_of(y)),
        "n": len(x),
        "seed": seed,
        "threat": portable(threat_plan(threat)),
        "attack": portable(attack_plan(attack, 0)),
        "networks": {name: held(net) for name, net in nets.items()},
    }
    if out is not None:
        _refuse_other(Path(out), made_of)
    clean = [_right(net, x, y) for net in nets.values()]
    examples, right = {}, []
    for name, net in nets.items():
        points = Transfer(attack, net).points(x, y, threat, seed=seed)
        inside = threat.contains(points, x)
        points = torch.where(inside.reshape(-1, *[1] * (x.ndim - 1)), points, x)
        examples[name] = points
        right.append(
            [
                int((_right(target, points, y, attacked=True) & ok).sum())
                for target, ok in zip(nets.values(), clean, strict=True)
            ]
        )
    counts = np.array([int(ok.sum()) for ok in clean], np.int64)
    matrix = TransferMatrix(tuple(nets), len(x), counts, np.array(right, np.int64), {})
    files = {name: _file(place, net) for place, (name, net) in enumerate(nets.items())}
    contents = {
        files[name]: b"".join(array_blocks({"label": numpy_of(y), "x": numpy_of(points)}))
        for name, points in examples.items()
    }
    matrix.document.update(
        {name: value for name, value in made_of.items() if name != "networks"},
        sources=[
            {"name": name, "network": held(net), "examples": files[name], "sha256": sha256(contents[files[name]])}
            for name, net in nets.items()
        ],
        clean_accuracy=(counts / len(x)).tolist(),
        clean_intervals=[wilson(int(count), len(x)) for count in counts],
        transfer_accuracy=(matrix.right / len(x)).tolist(),
        intervals=[[matrix.interval(i, j) for j in range(len(nets))] for i in range(len(nets))],
    )
    if out is not None:
        _write(Path(out), contents, matrix.document)
    return matrix


def _right(model: Model, x: Tensor, y: Tensor, *, attacked: bool = False) -> Tensor:
    """Whether each label is predicted, or, where the inputs were attacked, they are rejected, `(N,)`."""
    logits = logits_of(model, x, batching_by_rule(model, x).batch_size)
    predicted = logits.argmax(1)
    right = predicted == y
    return right | (predicted == logits.shape[1] - 1) if attacked and model.outputs == REJECT else right


def _file(place: int, model: Model) -> str:
    """Name of the file of a source's examples: its position, and the beginning of the hash of its weights."""
    return f"examples-{place:02d}-{held(model)['weights'][:16] or 'no-weights'}.safetensors"


def _refuse_other(folder: Path, made_of: dict[str, Any]) -> None:
    """Refuse a folder that holds another matrix: it would be lost without a word."""
    file = folder / _MATRIX
    if not file.exists():
        return
    try:
        there = json.loads(read_bytes(file))
        networks = {source["name"]: source["network"] for source in there["sources"]}
        same = {**{name: there.get(name) for name in made_of}, "networks": networks} == json.loads(json_bytes(made_of))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        same = False
    if not same:
        raise InputError(
            f"{file} is there already and was made of other networks, samples or settings; choose another folder with out=, "
            "or delete that one"
        )


def _write(folder: Path, contents: Mapping[str, bytes], document: dict[str, Any]) -> None:
    make_folder(folder)
    for name, content in contents.items():
        write_whole(folder / name, content)
    write_whole(folder / _MATRIX, json_bytes(document))
