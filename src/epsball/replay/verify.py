"""Trust nobody: every file, row and statement of a run folder derived again, and samples that the verifier draws run again."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from epsball.certification.base import chosen
from epsball.errors import InputError
from epsball.evaluation.plan import attack_source
from epsball.progress import Progress, shown
from epsball.record.arrays import open_inputs
from epsball.record.manifest import CLEAN, attack_stages, run_path
from epsball.replay.certificates import other_radii
from epsball.replay.findings import other_findings
from epsball.replay.opened import elsewhere, opened, threads_of
from epsball.replay.rebuild import attack_of
from epsball.replay.rows import replay as run_again
from epsball.replay.samples import picked
from epsball.replay.statements import other_counts, other_statements
from epsball.validation import checked_seed
from epsball.verification import verify as verification
from epsball.verification.identity import model_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from epsball.attacks.base import Attack
    from epsball.certification.base import Certifier
    from epsball.models.model import Model
    from epsball.record.plan import Plan
    from epsball.replay.rows import Replay

SEEDS = 2**32


@dataclass(frozen=True)
class Verified(verification.Verified):
    """What was checked: as `epsball.verification`, with what could not be derived, and the replay where one was asked for."""

    notes: tuple[str, ...] = ()
    replay: Replay | None = None


def verify(
    run_folder: str | Path,
    model: Callable[[Tensor], Any] | Model | None = None,
    data: tuple[Tensor, Tensor] | str | None = None,
    *,
    passes: int | None = None,
    replay: int = 0,
    replay_seed: int | None = None,
    progress: Progress | None = None,
    trust_source: bool = False,
    attacks: Mapping[str, type[Attack] | Attack] | None = None,
    certifiers: Sequence[str | Certifier] = (),
) -> Verified:
    """Check every file, every row, every statement and every reported success of a run folder again.

    The digests of all files; the fingerprints of model and data; with a fresh pass in the model's own precision every label
    and confidence; with own arithmetic in float64 every distance, the ball and the box; from the rows of attacks and
    certificates every column of the samples; the attacks of the suite and their traits from their settings; all findings; and
    that the samples are those that the record's rule draws from the set it names. A success on a model that draws random numbers is
    refused if no pass shows it again; how many do is reported as D22.

    None of that tells whether an attack that found nothing was run at all. `replay` does: so many samples, drawn by a seed that the
    author of the record cannot know, go through their whole cascade again. Where the run was made, every column must be equal to the
    last bit; elsewhere the record is refused if the replay is stronger or weaker than it, by exact paired tests at p < 0.001, on
    four times as many samples where the first ones differ to one side. A forgery of a share p of the samples has none of those drawn
    with a probability of at most (1 - p)^k.

    Nothing that the folder names is run or imported, unless `trust_source` says so: the model is handed in, or is a network of this
    library, and attacks are those of this library or of `attacks`.

    Args:
        run_folder: what `evaluate` wrote, finished or not.
        model: the model; may be left out where the run's is a network of this library (`zoo:…`).
        data: the inputs and labels that the run should be about, or the name or path of the set from which its rule drew them; the set
            that it names when left out, where that needs no network.
        passes: fresh passes per success; 1, or 20 if the run found the model to be random (D02).
        replay: how many samples are run again.
        replay_seed: that draws them; a fresh one when left out.
        progress: called with (stage, done, total); a bar on a terminal when left out.
        trust_source: load the model by the name that the run recorded, although that may run code.
        attacks: what the attacks of these names are, their classes or themselves; needed for a replay where they are not the library's.
        certifiers: those of the run, as `evaluate` takes them; a radius that one does not prove again is refused.

    Raises:
        UntrustworthyError: something is not as recorded; the sentence names the first few of them.
        InputError: no run folder, a damaged file, no model to ask, or a replay of an attack that cannot be made again.
        ModelError: the model failed.
    """
    path, named = run_path(run_folder), dict(attacks or {})
    if replay < 0:
        raise InputError(f"replay was given as {replay}; expected the number of samples to run again, such as 50")
    manifest, notes = verification.unaltered(path), list[str]()
    plan = manifest.plan
    given = model_of(plan, model, trust_source=trust_source)
    checked = verification.check(
        path,
        manifest,
        given,
        None if isinstance(data, str) else data,
        passes=passes,
        progress=progress,
        attacks={name: attack_source(one if isinstance(one, type) else type(one)) for name, one in named.items()},
    )
    made = _made(plan, named, notes, needed=bool(replay))
    verification.refuse(path, other_statements(plan, made, notes))
    ids = open_inputs(path)[2]
    if data is None or isinstance(data, str):
        verification.refuse(path, picked(plan, ids, data, notes))
    again = None
    if CLEAN in manifest.files:
        with threads_of(plan):
            run = opened(path, manifest, given)
            verification.refuse(path, other_counts(plan, run.parts))
            verification.refuse(path, other_radii(run, chosen(certifiers), notes))
            why = elsewhere(run)
            verification.refuse(path, other_findings(run, same=not why, notes=notes))
            if replay:
                seed = secrets.randbelow(SEEDS) if replay_seed is None else checked_seed(replay_seed)
                with shown(progress) as stage:
                    again = run_again(run, made, replay, seed, elsewhere=why, progress=stage)
                verification.refuse(path, again.problems)
    return Verified(
        checked.samples,
        checked.successes,
        checked.passes,
        checked.complete,
        checked.findings,
        notes=tuple(notes),
        replay=again,
    )


def _made(
    plan: Plan, named: Mapping[str, type[Attack] | Attack], notes: list[str], *, needed: bool
) -> dict[str, Attack]:
    """The attacks of a plan in order, made again; without those for which that cannot be done, where they are not needed."""
    made: dict[str, Attack] = {}
    for name in attack_stages(plan):
        try:
            made[name] = attack_of(name, plan.attacks[name], named.get(name))
        except InputError as error:  # noqa: PERF203 (a few attacks)
            if needed:
                raise
            notes.append(f"the settings of {name} were not checked: {error}")
    return made
