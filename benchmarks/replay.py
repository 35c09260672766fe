"""Forged, honest and foreign records under `eb.verify(…, replay=50)`: how many of 20 trials are refused.

python benchmarks/replay.py [--trials 20] [--out results]

Every trial evaluates a network of its own on 150 images of `digits` with a seed of its own, forges the record as `tests/forged.py`
does, so that files, digests and findings agree, and verifies it with a fresh seed of the replay. Honest records come from runs with
another batch size and another number of threads; foreign ones from runs with other kernels (oneDNN off), which say that they were made
under another version of PyTorch.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

import epsball as eb
from epsball.oracle.batching import choose_batching

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "tests"))

import forged  # noqa: E402 (beside the tests)
from forgery import contents, seal  # noqa: E402

N, K, STEPS, ALONE = 150, 50, 300, 1
FIFTH = "successes erased on a fifth of the samples"
THREAT = eb.Threat("linf", 0.1)
SIZES = (16, 37, 64, 128, 256)


def quiet(*_: object) -> None:
    """Show no progress."""


def convolutional() -> nn.Module:
    """Two convolutions and two layers."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, 1, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Flatten()),
        *(nn.Linear(32 * 16, 64), nn.ReLU(), nn.Linear(64, 10)),
    )


def dense() -> nn.Module:
    """Three layers."""
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
    )


def trained(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    """The network after adversarial training."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = make()
    data = eb.load_data("digits", "train")
    warm = eb.fit(net, data, eb.Recipe(epochs=10), seed=seed, progress=quiet).model
    objective = eb.adversarial(eb.PGD(steps=5), THREAT)
    done = eb.fit(
        cast("nn.Module", warm.net), data, eb.Recipe(epochs=10), objective=objective, seed=seed, progress=quiet
    ).model
    return cast("nn.Module", done.net)


@dataclass(frozen=True)
class Trial:
    """A network with the number of the trial, which seeds all of it."""

    net: nn.Module
    number: int
    folder: Path

    def run(self, data: Any = None, **settings: Any) -> None:
        """Evaluate it."""
        given: dict[str, Any] = {
            "suite": "quick",
            "out": self.folder,
            "seed": self.number,
            "progress": quiet,
            **settings,
        }
        eb.evaluate(self.net, data or eb.load_data("digits", "test", N), THREAT, **given)

    def refused(self, replay: int = K) -> str:
        """Why the record is refused; empty where it is not."""
        try:
            eb.verify(self.folder, self.net, replay=replay, progress=quiet)
        except eb.UntrustworthyError as error:
            return str(error)
        return ""


def honest(trial: Trial) -> None:
    """A run of another batch size on another number of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1 + trial.number % 2)
    x, _ = eb.load_data("digits", "test", N)
    rule = choose_batching(eb.wrap(trial.net), x)
    size = SIZES[trial.number % len(SIZES)]
    batching = type(rule)(size, rule.channels_last, 2 * size, tiles=rule.tiles)
    trial.run(batching=batching, chunk_size=(64, 1024)[trial.number % 2])
    torch.set_num_threads(threads)


def foreign(trial: Trial) -> None:
    """A run on what looks like another machine: other kernels, and another version in the record."""
    with torch.backends.mkldnn.flags(enabled=False):
        trial.run()
    run = contents(trial.folder)
    run["plan"]["environment"]["versions"]["torch"] = "2.12.0"
    seal(trial.folder, run)


def foreign_draws(trial: Trial) -> None:
    """The same with other draws throughout, far more noise than kernels give."""
    trial.run(seed=1000 + trial.number)
    run = contents(trial.folder)
    run["plan"]["seed"] = trial.number
    run["plan"]["environment"]["versions"]["torch"] = "2.12.0"
    seal(trial.folder, run)


def picked(trial: Trial) -> None:
    """An honest run on the samples that the network is surest of, called the first ones."""
    x, y = eb.load_data("digits", "test", 2 * N)
    margin = eb.wrap(trial.net)(x).softmax(1).gather(1, y[:, None]).squeeze(1)
    sure: Tensor = margin.argsort(descending=True)[:N]
    trial.run((x[sure], y[sure]), source="digits", split="test", rule="first")


def forging(kind: str, *, elsewhere: bool = False) -> Callable[[Trial], None]:
    """A run whose record is forged in that way."""

    def made(trial: Trial) -> None:
        trial.run()
        forged.FORGERIES[kind](forged.Record(trial.folder, trial.net), trial.number)
        if elsewhere:
            run = contents(trial.folder)
            run["plan"]["environment"]["versions"]["torch"] = "2.12.0"
            seal(trial.folder, run)

    return made


HONEST = {
    "honest, other batch sizes, chunks and 1 or 2 threads": honest,
    "honest, other kernels and version": foreign,
    "honest, other draws and version": foreign_draws,
}
FORGED = {
    **{kind: forging(kind) for kind in forged.FORGERIES},
    "samples picked": picked,
    "every success erased, said to be of another version": forging("every success erased", elsewhere=True),
    "a fifth erased, said to be of another version": forging(FIFTH, elsewhere=True),
}
HEAD = f"""# Replay

Written by `python benchmarks/replay.py`. Two adversarially trained networks by turns, {N} images of `digits`, suite
`quick`, forged steps: {STEPS:,}, `replay={K}`; another seed of the run, of the forgery and of the replay in each trial.

| record | refused without a replay | refused with one | should be | seconds of one `verify` with replay |
| --- | ---: | ---: | ---: | ---: |
"""


def main() -> None:
    """Run all trials and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--out", type=Path, default=HERE / "results")
    chosen = parser.parse_args()
    forged.STEPS = STEPS
    torch.set_num_threads(1)
    nets = [trained(make, seed) for seed, make in enumerate((convolutional, dense))]
    lines = []
    for kind, make in {**FORGED, **HONEST}.items():
        alone, with_replay, seconds = 0, 0, 0.0
        for number in range(chosen.trials):
            with tempfile.TemporaryDirectory() as place:
                trial = Trial(nets[number % len(nets)], number, Path(place) / "run")
                make(trial)
                alone += number < ALONE and bool(trial.refused(0))
                start = time.perf_counter()
                why = trial.refused()
                seconds += time.perf_counter() - start
                with_replay += bool(why)
                if kind in HONEST and why:
                    print(f"{kind}, trial {number}: {why}", file=sys.stderr)
                    shutil.copytree(trial.folder, chosen.out / f"refused-{number}", dirs_exist_ok=True)
        wanted = 0 if kind in HONEST else chosen.trials
        counts = f"{alone} of {min(ALONE, chosen.trials)} | {with_replay} of {chosen.trials} | {wanted}"
        lines.append(f"| {kind} | {counts} | {seconds / chosen.trials:.1f} |")
        print(lines[-1], flush=True)
        (chosen.out / "replay.md").write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
