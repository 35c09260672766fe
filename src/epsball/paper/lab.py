"""Where experiments run: data, trained networks and finished steps, each made once and stored."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any, TypeVar

from torch import Tensor

from epsball.data.fetch import cache_folder
from epsball.data.load import load_data
from epsball.errors import InputError
from epsball.geometry import Norm
from epsball.models.load import load_model
from epsball.models.model import Model
from epsball.models.weights import fill, read_weights, save_weights
from epsball.paper.rows import Rows
from epsball.plain import plain
from epsball.record.files import write_whole
from epsball.training.checkpoint import describe, whole
from epsball.training.fit import fit
from epsball.training.history import Epoch, Trained
from epsball.training.objectives import Objective, standard

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from epsball.training.recipe import Recipe

STAND_INS = (
    "quick: other data, digits of 28 x 28 in place of MNIST and of 8 x 8 in place of CIFAR-10, and short settings"
)
Choice = TypeVar("Choice")
Data = tuple[Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class Lab:
    """What every experiment is given.

    Args:
        quick: whether to use the embedded digits and short settings; MNIST and CIFAR-10 in full otherwise.
        out: folder of the results; finished steps are stored in `out`/steps.
        seed: of weights, batches and attacks.
        say: called with one line before each step that takes time.
        trained: folder of trained weights, the user's cache when left out.
    """

    quick: bool
    out: Path
    seed: int = 0
    say: Callable[[str], object] = print
    trained: Path = field(default_factory=lambda: cache_folder() / "trained")
    _data: dict[str, Data] = field(default_factory=dict)

    def pick(self, quick: Choice, full: Choice) -> Choice:
        """Return the first setting in a quick run, the second in a full one."""
        return quick if self.quick else full

    @property
    def stand_ins(self) -> str:
        """What a quick run measures in place of what the paper did; empty in a full one."""
        return STAND_INS if self.quick else ""

    def name(self, data: str) -> str:
        """Return what stands in for a data set: MNIST and CIFAR-10 become embedded digits, 28 x 28 and 8 x 8, in a quick run."""
        return {"mnist": "mnist-5k", "cifar10": "digits"}.get(data, data) if self.quick else data

    def data(self, name: str, split: str = "test", n: int | None = None) -> Data:
        """Return the first n images and labels of MNIST or CIFAR-10, or of what stands in for them."""
        key = f"{name}/{split}"
        if key not in self._data:
            self._data[key] = load_data(self.name(name), split)
        x, y = self._data[key]
        return x[:n], y[:n]

    def network(self, name: str, data: str, seed: int = 0) -> Model:
        """Return an untrained network of the zoo for the images of a data set."""
        channels, height, width = self.data(data)[0].shape[1:]
        return load_model(f"zoo:{name}", shape=(channels, height, width), seed=self.seed + seed)

    def train(
        self, title: str, start: Model, data: Data, recipe: Recipe, *, objective: Objective = standard, seed: int = 0
    ) -> Trained:
        """Return a trained copy of a network; one with the same start, data and settings is never trained twice.

        Args:
            title: what is trained, for the progress line and the name of the file.
            start: the network with its initial weights.
            data: x and y.
            recipe: settings of the training.
            objective: batch -> loss.
            seed: added to the lab's, for batches and attacks.
        """
        seed += self.seed
        spec = describe(start, *data, objective, recipe, seed)
        file = self.trained / f"{_in_files(title)}-{_digest(spec)}.safetensors"
        history_file, checkpoint = file.with_suffix(".json"), file.with_suffix(".checkpoint")
        if not history_file.exists():
            self.say(f"training {title}")
            self.trained.mkdir(parents=True, exist_ok=True)
            if not whole(checkpoint):  # a cache's file is nobody's work: one that cannot be read is begun anew
                checkpoint.unlink(missing_ok=True)
            done = fit(start, data, recipe, objective=objective, seed=seed, checkpoint=checkpoint)
            save_weights(done.model, file)
            history = json.dumps({"spec": spec, "history": [asdict(epoch) for epoch in done.history]}, indent=1)
            write_whole(history_file, history.encode())
            checkpoint.unlink(missing_ok=True)
        model = copy.deepcopy(start)
        if model.module is None:
            raise InputError(f"{title} has no module to train; give an nn.Module")
        fill(model.module, read_weights(file)[0], str(file))
        model.module.eval()
        history = json.loads(history_file.read_text(encoding="utf-8"))["history"]
        return Trained(model, tuple(Epoch(**epoch) for epoch in history))

    def step(self, experiment: str, name: str, compute: Callable[..., Rows], *on: Any) -> Rows:
        """Return rows, computed once: stored in `out`/steps and read back when everything they depend on is the same.

        Args:
            experiment: whose step it is.
            name: which one; also the progress line.
            compute: its rows, from the following.
            on: models, tensors, settings and collections of these; with `quick`, `seed` and epsball's version they decide the rows.
        """
        digest = _digest([self.quick, self.seed, metadata.version("epsball"), _named(on)])
        file = self.out / "steps" / experiment / f"{_in_files(name)}.json"
        if (stored := _stored(file, digest)) is not None:
            return stored
        self.say(f"{experiment}: {name}")
        rows = compute(*on)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, rows.document({"depends on": digest}).encode())
        return rows


def _in_files(title: str) -> str:
    """The title as part of a file's name, which any file system takes."""
    return plain(title).replace("/", "-").replace(" ", "-").replace("?", "")


def _stored(file: Path, digest: str) -> Rows | None:
    """The rows that a step left, None where its file is not there, damaged, or depends on something else."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        return Rows.read(document) if document["depends on"] == digest else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _named(part: Any) -> Any:
    """What stands for a part of what a step depends on."""
    if isinstance(part, Model):
        return part.fingerprint()
    if isinstance(part, Tensor):
        return hashlib.sha256(part.cpu().contiguous().numpy().data).hexdigest()
    if isinstance(part, dict):
        part = tuple(part.items())
    if is_dataclass(part) and not isinstance(part, type):
        part = (type(part).__qualname__, *(getattr(part, each.name) for each in fields(part)))
    if isinstance(part, (tuple, list)):
        return [_named(each) for each in part]
    if isinstance(part, Norm) or callable(part):
        return part.name if isinstance(part, Norm) else f"{part.__module__}.{part.__qualname__}"
    if not isinstance(part, (str, int, float, type(None))):
        raise TypeError(
            f"a step cannot depend on a {type(part).__name__}; give models, tensors, settings or collections of these"
        )
    return part


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
