"""The whole cascade of drawn samples run again, and compared with what the record says of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from epsball.evaluation.replay_check import search
from epsball.randomness import Stream
from epsball.replay.exact import Exact
from epsball.replay.paired import Paired
from epsball.verification import independent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from epsball.attacks.base import Attack
    from epsball.evaluation.replay_check import Checked
    from epsball.progress import Progress
    from epsball.replay.compared import Test
    from epsball.replay.opened import Opened

MORE = 4
"""How many times as many samples are run again elsewhere, where the first ones differ to one side."""


@dataclass(frozen=True)
class Replay:
    """What running samples again showed.

    Args:
        seed: that drew the samples.
        samples: how many were drawn; more than were asked for where those were suspect.
        among: how many there are that attacks were run on.
        rows: how many rows of attacks were compared, one for each sample and attack.
        elsewhere: why the comparison was not to the last bit; empty where it was.
        differing: in how many of the rows each column is not as recorded.
        again: how many rows were run again in whole chunks, because sums in a micro-batch depend on the rows beside a row.
        tests: where it was not to the last bit, the paired tests.
        problems: what speaks against the record, a sentence each.
    """

    seed: int
    samples: int
    among: int
    rows: int
    elsewhere: str
    differing: Mapping[str, int]
    again: int = 0
    tests: tuple[Test, ...] = ()
    problems: tuple[str, ...] = field(default=(), repr=False)

    def missed(self, share: float) -> float:
        """The chance that a forgery of this share of the samples has none of those drawn: at most (1 - share)^k, 0 where all were."""
        return float((1 - share) ** self.samples) if self.samples < self.among else 0.0


def attacked(run: Opened) -> NDArray[np.int64]:
    """The ids of the samples that attacks were run on."""
    return np.unique(np.concatenate([np.empty(0, np.int64), *(part.rows.id for part in run.parts)]))


def draw(ids: NDArray[np.int64], k: int, seed: int) -> NDArray[np.int64]:
    """K of the ids, all where they are fewer; which ones depends on them and the seed only."""
    numbers = Stream(seed, torch.from_numpy(ids), 0).uniform(1).squeeze(1).numpy()
    return np.sort(ids[np.argsort(numbers, kind="stable")[:k]])


def replay(
    run: Opened, attacks: Mapping[str, Attack], k: int, seed: int, *, elsewhere: str, progress: Progress
) -> Replay:
    """Draw samples, run their whole cascade again, and compare every column.

    Args:
        run: the record.
        attacks: its attacks by name, in order, made again from their settings.
        k: how many samples are drawn; four times as many where the same to the last bit is not expected and these differ to one side.
        seed: of the draw; the searches have the recorded one.
        elsewhere: why the same to the last bit is not expected; empty where it is.
        progress: called with the stage, the rows done and those to do.

    Raises:
        ModelError: the model failed.
    """
    passes = independent.PASSES if run.random else 1

    def again(name: str, at: NDArray[np.int64]) -> Checked:
        progress(f"{name} (replay)", 0, len(at))
        return search(run.samples, at, attacks[name], run.threat, seed=run.plan.seed, passes=passes)

    among = attacked(run)

    def look(ids: NDArray[np.int64]) -> Exact | Paired:
        compared = Paired(run, ids, again) if elsewhere else Exact(run, ids, again)
        for name in attacks:
            if not compared.failed:  # one attack that gives something else is enough
                compared.attack(name)
        return compared

    ids = draw(among, k, seed)
    compared = look(ids)
    if isinstance(compared, Paired) and compared.suspect and len(ids) < len(among):
        ids = draw(among, MORE * k, seed)
        compared = look(ids)
    return Replay(
        seed=seed,
        samples=len(ids),
        among=len(among),
        rows=compared.rows,
        elsewhere=elsewhere,
        differing=compared.differing,
        again=compared.again,
        tests=compared.tests(),
        problems=tuple(compared.problems()),
    )
