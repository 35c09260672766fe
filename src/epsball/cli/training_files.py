"""What a training writes: the last weights, the best ones, a line an epoch, and a checkpoint while it runs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from epsball.errors import InputError
from epsball.models.adapters.python_file import names_factory
from epsball.models.weights import save_weights
from epsball.record.files import is_special
from epsball.record.statistics import wilson

if TYPE_CHECKING:
    from pathlib import Path

    from epsball.training.history import Epoch, Trained


@dataclass(frozen=True)
class Files:
    """Where the last weights, the best ones, the history and the checkpoint lie; None where there are none."""

    last: Path
    best: Path | None
    history: Path | None
    checkpoint: Path | None

    @classmethod
    def beside(cls, out: Path, *, force: bool) -> Files:
        """Best weights, history and checkpoint beside the last weights; none where those go to a device or a pipe.

        Raises:
            InputError: a folder stands where the weights are to be written; or a file, and nobody said to replace it.
        """
        if out.is_dir():
            raise InputError(
                f"--out {out} is a folder; expected a file: name one in it, --out {out / 'weights.safetensors'}"
            )
        if is_special(out):
            return cls(out, None, None, None)
        files = cls(
            out,
            out.with_name(f"{out.stem}.best{out.suffix}"),
            out.with_name(f"{out.stem}.history.jsonl"),
            out.with_name(f"{out.name}.checkpoint"),
        )
        there = [file for file in (files.last, files.best) if file is not None and file.exists()]
        if there and not force:
            raise InputError(f"{there[0]} is there already; name another file with --out, or replace it with --force")
        return files

    @property
    def left(self) -> str:
        """What an interrupted run leaves."""
        if self.checkpoint is None:
            return f"nothing is written beside {self.last}; give a file"
        if not self.checkpoint.exists():
            return "nothing was written yet; the same command begins anew"
        return f"the finished epochs lie in {self.checkpoint}; the same command goes on from there"

    def note(self, epochs: list[Epoch]) -> None:
        """Write the finished epochs, one JSON object a line."""
        if self.history:
            self.history.parent.mkdir(parents=True, exist_ok=True)
            lines = (json.dumps(epoch_document(epoch)) for epoch in epochs)
            self.history.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def written(self, trained: Trained) -> Files:
        """Write the weights, and remove the checkpoint; without held-out samples there are no best ones."""
        best = None if trained.peak is None else self.best
        save_weights(trained.model, self.last)
        if best and trained.peak:
            save_weights(trained.peak, best)
        if self.checkpoint:
            self.checkpoint.unlink(missing_ok=True)
        return replace(self, best=best)


def with_weights(spec: str, weights: Path) -> str:
    """Return a model's name with other weights than those it may name itself.

    Example:
        >>> with_weights("zoo:mlp-512@old.safetensors", "new.safetensors")
        'zoo:mlp-512@new.safetensors'
    """
    begin = spec.index(".py:") if names_factory(spec) else max(0, spec.rfind(".onnx@"))
    before, _, _ = spec[begin:].partition("@")
    return f"{spec[:begin]}{before}@{weights}"


def epoch_document(epoch: Epoch) -> dict[str, Any]:
    """An epoch with the 95 % interval of each accuracy whose number of images is known."""
    named = {"accuracy": epoch.n, "robust": epoch.attacked, "fgsm": epoch.attacked}
    facts = asdict(epoch)
    known = {name: (facts[name], n) for name, n in named.items() if n and facts[name] is not None}
    return facts | {f"{name}_interval": list(wilson(round(value * n), n)) for name, (value, n) in known.items()}
