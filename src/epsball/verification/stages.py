"""Through a run folder in the order in which it was written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.record.evaluation import ATTACK_COLUMNS, SAMPLE_COLUMNS, AttackRows
from epsball.record.files import read_arrays, read_table
from epsball.record.reading import attack_stages, part_files
from epsball.record.run_folder import SAMPLES
from epsball.verification.attack_rows import Witness, judge
from epsball.verification.differences import differences
from epsball.verification.sample_rows import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from epsball.progress import Progress

CERTIFICATE = {"id": np.int64, "lower": np.float64}


@dataclass(frozen=True, eq=False)
class Walk:
    """What going through all rows gave: problems, and for each hit the share of fresh passes in which it holds."""

    problems: list[str]
    held: NDArray[np.float64]


def walk(path: Path, manifest: Mapping[str, Any], witness: Witness, ids: NDArray[np.int64], told: Progress) -> Walk:
    """Judge every part of every attack, and derive the samples' columns from them."""
    spec, complete = manifest["spec"], manifest["status"] == "complete"
    eps = float(spec["threat"]["eps"])
    ledger = Ledger(ids, witness.label, witness.clean)
    problems, shares = list(_certificates(path, manifest, ledger)), [np.empty(0)]
    for name, stage in attack_stages(spec).items():
        fact, start, collected = spec["attacks"][name], 0, []
        asked = ledger.asked(eps, everyone=fact["minimum_norm"] or spec["every_sample"])
        for file in part_files(manifest, stage, ".parquet"):
            told(f"{name} (check)", start, len(asked))
            rows = AttackRows.of(read_table(path / file, ATTACK_COLUMNS))
            at, start = asked[start : start + len(rows)], start + len(rows)
            if not np.array_equal(rows.id, ids[at]):
                odd = rows.id[~np.isin(rows.id, ids[at])]
                return Walk(
                    [*problems, f"{file}: {_about(odd)} the attack was not to be asked about, or not there"],
                    np.concatenate(shares),
                )
            examples = read_arrays(path / file.replace(".parquet", ".safetensors"), ("ids", "x"))
            allowed = np.inf if fact["minimum_norm"] else eps
            found, held = judge(file, witness, at, rows, (examples["ids"], examples["x"]), allowed)
            problems += [*found, *_counts(file, rows)]
            shares.append(held)
            collected.append(rows)
        if complete and start != len(asked):
            problems.append(f"{stage} holds {start} rows, expected {len(asked)}")
        problems += ledger.enter(name, AttackRows.join(collected))
    if complete:
        problems += ledger.compare(SAMPLES, read_table(path / SAMPLES, SAMPLE_COLUMNS))
    return Walk(problems, np.concatenate(shares))


def _about(odd: NDArray[np.int64]) -> str:
    return f"sample {odd[0]} is one that" if len(odd) else "samples stand in another order: one that"


def _counts(place: str, rows: AttackRows) -> Iterator[str]:
    for column in ("queries", "gradients"):
        counts = getattr(rows, column)
        yield from differences(place, column, rows.id, counts, np.maximum(counts, 0))


def _certificates(path: Path, manifest: Mapping[str, Any], ledger: Ledger) -> Iterator[str]:
    for file in part_files(manifest, "certificates", ".parquet"):
        columns = read_table(path / file, CERTIFICATE)
        strange = [i for i in columns["id"].tolist() if i not in ledger.place]
        if strange:
            yield f"{file}: there is no sample {strange[0]}"
        else:
            ledger.certify(columns["id"], columns["lower"])
