"""Through the stages of a run folder in the order in which they were written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from epsball.record.arrays import open_examples
from epsball.record.evaluation import ATTACK_COLUMNS, CERTIFICATE_COLUMNS, SAMPLE_COLUMNS, AttackRows
from epsball.record.files import read_table
from epsball.record.manifest import SAMPLES, Manifest, attack_stages, certificate_stages, chunk_files, examples_name
from epsball.record.selection import Selection
from epsball.verification.attack_rows import Context, check_rows
from epsball.verification.differences import differences
from epsball.verification.sample_rows import ExpectedColumns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from epsball.progress import Progress


@dataclass(frozen=True, eq=False)
class Outcome:
    """What checking all rows gave: problems, and for each success the fraction of fresh passes that show it again."""

    problems: list[str]
    success_rate: NDArray[np.float64]


def check_stages(
    path: Path, manifest: Manifest, context: Context, ids: NDArray[np.int64], progress: Progress
) -> Outcome:
    """Check every chunk of every attack, and derive the samples' columns from them."""
    eps = float(manifest.plan.threat.eps)
    expected = ExpectedColumns(ids, context.label, context.clean)
    problems, rates = list(_certificates(path, manifest, expected)), [np.empty(0)]
    for name, stage in attack_stages(manifest.plan).items():
        attack, start, collected = manifest.plan.attacks[name], 0, []
        chosen = Selection.of(attack)
        everyone = attack.minimum_norm or manifest.plan.every_sample
        attacked = (
            expected.selected(chosen, manifest.plan.seed, eps) if chosen else expected.attacked(eps, everyone=everyone)
        )
        for file in chunk_files(manifest, stage):
            progress(f"{name} (check)", start, len(attacked))
            rows = AttackRows.of(read_table(path / file, ATTACK_COLUMNS, len(ids)))
            at, start = attacked[start : start + len(rows)], start + len(rows)
            if not np.array_equal(rows.id, ids[at]):
                odd = rows.id[~np.isin(rows.id, ids[at])]
                return Outcome(
                    [*problems, f"{file}: {_about(odd)} the attack was not to be run on, or not there"],
                    np.concatenate(rates),
                )
            those, x = open_examples(path / examples_name(file))
            allowed = np.inf if attack.minimum_norm else eps
            found, rate = check_rows(file, context, at, rows, (those, x[:]), allowed)
            problems += [*found, *_counts(file, rows)]
            rates.append(rate)
            collected.append(rows)
        if manifest.complete and start != len(attacked):
            problems.append(f"{stage} holds {start} rows, expected {len(attacked)}")
        problems += expected.add_attack(name, AttackRows.join(collected), selected=chosen is not None)
    if manifest.complete:
        problems += expected.compare(SAMPLES, read_table(path / SAMPLES, SAMPLE_COLUMNS, len(ids)))
    return Outcome(problems, np.concatenate(rates))


def _about(odd: NDArray[np.int64]) -> str:
    return f"sample {odd[0]} is one that" if len(odd) else "samples stand in another order: one that"


def _counts(place: str, rows: AttackRows) -> Iterator[str]:
    for column in ("queries", "gradients"):
        counts = getattr(rows, column)
        yield from differences(place, column, rows.id, counts, np.maximum(counts, 0))


def _certificates(path: Path, manifest: Manifest, expected: ExpectedColumns) -> Iterator[str]:
    right = expected.ids[expected.right].tolist()
    for stage in certificate_stages(manifest.plan):
        proved: list[int] = []
        for file in chunk_files(manifest, stage):
            columns = read_table(path / file, CERTIFICATE_COLUMNS, len(expected.ids))
            proved += columns["id"].tolist()
            strange = [i for i in columns["id"].tolist() if i not in expected.place]
            if strange:
                yield f"{file}: there is no sample {strange[0]}"
            else:
                expected.add_certificate(columns["id"], columns["lower"])
        if proved != right[: len(proved)] or (manifest.complete and len(proved) < len(right)):
            yield f"{stage} holds {len(proved)} rows, expected one for each of the {len(right)} correctly classified samples"
