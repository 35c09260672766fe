"""Records forged by someone who knows the format: all of their files, digests and findings agree with each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.numpy import load_file, save

from epsball.models.wrap import wrap
from epsball.record.columns import tabulate, to_attack
from epsball.record.evaluation import ATTACK_COLUMNS, CLEAN_COLUMNS, AttackRows
from epsball.record.files import read_table, sha256, table_bytes
from epsball.record.manifest import attack_stages, chunk_name, examples_name, read_manifest
from epsball.record.plan import portable
from epsball.replay import findings
from epsball.replay.opened import opened
from epsball.verification import independent
from forgery import contents, seal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from epsball.models.model import Model


class Record:
    """A finished run folder whose attacks have one chunk each, to be altered and written again.

    Args:
        folder: the run folder.
        model: that it is about.
    """

    def __init__(self, folder: Path, model: torch.nn.Module | Model) -> None:
        self.folder, self.model = folder, wrap(model)
        self.manifest = contents(folder)
        plan = read_manifest(folder).plan
        self.stages = attack_stages(plan)
        self.eps = float(plan.threat.eps)
        self.norm = plan.threat.norm
        self.everyone = {name: attack.minimum_norm for name, attack in plan.attacks.items()}
        inputs = load_file(folder / "inputs.safetensors")
        self.x, self.label, self.ids = inputs["x"], inputs["y"], inputs["ids"]
        self.clean = read_table(folder / "clean.parquet", CLEAN_COLUMNS)["clean"]
        self.rows: dict[str, dict[int, dict[str, Any]]] = {}
        self.examples: dict[str, dict[int, NDArray[Any]]] = {}
        for name, stage in self.stages.items():
            file = f"{chunk_name(stage, 0)}.parquet"
            there = (folder / file).is_file()
            columns = read_table(folder / file, ATTACK_COLUMNS) if there else {"id": np.empty(0, np.int64)}
            nothing: dict[str, NDArray[Any]] = {"ids": np.empty(0, np.int64), "x": np.empty((0, *self.x.shape[1:]))}
            found = load_file(folder / examples_name(file)) if there else nothing
            self.rows[name] = {
                int(i): {column: values[row] for column, values in columns.items()}
                for row, i in enumerate(columns["id"])
            }
            self.examples[name] = dict(zip(found["ids"].tolist(), found["x"], strict=True))
        self.clean_row = {i: row for rows in self.rows.values() for i, row in rows.items()}

    @property
    def attacked(self) -> NDArray[np.int64]:
        """Ids of the samples that attacks were run on."""
        return np.array(sorted(self.clean_row), np.int64)

    @property
    def broken(self) -> NDArray[np.int64]:
        """Ids of those on which one of them succeeded."""
        return np.array(sorted({i for found in self.examples.values() for i in found}), np.int64)

    def failure(self, name: str, sample: int) -> dict[str, Any]:
        """A row that says that the attack was run on the sample and found nothing, as costly as one that did find nothing."""
        rows = list(self.rows[name].values()) or list(self.clean_row.values())
        like = next((row for row in rows if not row["success"]), rows[0])
        own = self.clean_row[sample]
        return like | {
            "id": sample,
            "success": False,
            "distance": np.inf,
            "relative": np.inf,
            "before": own["before"],
            "after": own["before"],
            "confidence_before": own["confidence_before"],
            "confidence_after": own["confidence_before"],
        }

    def erase(self, samples: Iterable[int]) -> None:
        """No attack was successful on these samples."""
        for name in self.stages:
            for sample in samples:
                self.rows[name][sample] = self.failure(name, sample)
                self.examples[name].pop(sample, None)

    def spend(self, samples: Iterable[int], factor: int) -> None:
        """Every attack took so many times the queries and gradients on them."""
        for rows in self.rows.values():
            for sample in set(samples) & rows.keys():
                for count in ("queries", "gradients"):
                    rows[sample] = rows[sample] | {count: rows[sample][count] * factor}

    def move_away(self, samples: Iterable[int], name: str, factor: float) -> None:
        """The errors that a minimum-norm attack found of them lie farther."""
        for sample in set(samples) & self.examples[name].keys():
            x0 = self.x[np.flatnonzero(self.ids == sample)[0]]
            x = np.clip(x0 + factor * (self.examples[name][sample] - x0), 0, 1).astype(np.float32)
            said = independent.replay(self.model, torch.from_numpy(x[None]), batch_size=1)
            distance = independent.length(self.norm, (x.astype(np.float64) - x0)[None])
            if said.label[0, 0] == self.label[np.flatnonzero(self.ids == sample)[0]]:
                continue
            self.examples[name][sample] = x
            self.rows[name][sample] |= {
                "distance": distance[0],
                "relative": independent.relative(self.norm, distance, x0[None])[0],
                "after": said.label[0, 0],
                "confidence_after": said.confidence[0, 0],
            }

    def write(self) -> None:
        """Write all files, with the rows that the cascade asks for, their digests, and the findings that they give."""
        done: dict[str, AttackRows] = {}
        for name, stage in self.stages.items():
            table = self._table(done)
            wanted = self.ids[to_attack(table, self.eps, everyone=self.everyone[name])]
            rows = [self.rows[name].get(i) or self.failure(name, i) for i in wanted.tolist()]
            done[name] = AttackRows.of({column: np.array([row[column] for row in rows]) for column in ATTACK_COLUMNS})
            fooled = done[name].id[done[name].success]
            shape = (0, *self.x.shape[1:])
            x = (
                np.stack([self.examples[name][i] for i in fooled.tolist()])
                if len(fooled)
                else np.empty(shape, np.float32)
            )
            file = f"{chunk_name(stage, 0)}.parquet"
            self._put(file, table_bytes(done[name].columns()), len(rows))
            self._put(examples_name(file), save({"ids": fooled, "x": x}), len(fooled))
        self._put("samples.parquet", table_bytes(self._table(done)), len(self.ids))
        seal(self.folder, self.manifest)
        self.settle()

    def settle(self) -> None:
        """List the findings that the rows, the notes and the model give."""
        run = opened(self.folder, read_manifest(self.folder), self.model)
        self.manifest["findings"] = [portable(finding) for finding in findings.derived(run)]
        seal(self.folder, self.manifest)

    def _table(self, done: dict[str, AttackRows]) -> dict[str, NDArray[Any]]:
        return tabulate(self.ids, self.label, self.clean, np.zeros(len(self.ids)), done)

    def _put(self, name: str, content: bytes, rows: int) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(content)
        notes = self.manifest["files"].get(name, {"notes": {}})["notes"]
        self.manifest["files"][name] = {"sha256": sha256(content), "rows": rows, "notes": notes}


def some(ids: NDArray[np.int64], share: float, seed: int) -> list[int]:
    """A share of the ids, at random."""
    chosen: list[int] = np.random.default_rng(seed).permutation(ids)[: int(np.ceil(share * len(ids)))].tolist()
    return chosen


def without_findings(record: Record, _seed: int) -> None:
    record.manifest["findings"] = []
    seal(record.folder, record.manifest)


STEPS = 400
"""That the record says its attacks take; tests replay them, so they are few."""


def with_more_steps(record: Record, _seed: int) -> None:
    for attack in record.manifest["plan"]["attacks"].values():
        if "steps" in attack["settings"]:
            attack["settings"]["steps"] = STEPS
    seal(record.folder, record.manifest)
    record.settle()


def with_more_steps_of_ones_own(record: Record, seed: int) -> None:
    """The record names no suite, and what follows from the settings follows from the forged ones."""
    from epsball.evaluation.plan import attack_plan  # noqa: PLC0415
    from epsball.replay.rebuild import attack_of  # noqa: PLC0415

    record.manifest["plan"] |= {"suite": "custom", "suite_version": 0}
    with_more_steps(record, seed)
    plan = read_manifest(record.folder).plan
    for name, attack in plan.attacks.items():
        record.manifest["plan"]["attacks"][name] = portable(attack_plan(attack_of(name, attack), attack.position))
    seal(record.folder, record.manifest)
    record.settle()


def with_erased_successes(record: Record, seed: int) -> None:
    record.erase(some(record.broken, max(0.0, min(1.0, 0.2 * len(record.attacked) / len(record.broken))), seed))
    record.write()


def with_all_successes_erased(record: Record, _seed: int) -> None:
    record.erase(record.broken.tolist())
    record.write()


def with_more_queries(record: Record, seed: int) -> None:
    record.spend(some(record.attacked, 0.2, seed), 100)
    record.write()


def with_farther_errors(record: Record, seed: int) -> None:
    record.move_away(some(record.attacked, 0.25, seed), "deepfool", 1.1)
    record.write()


def with_another_seed(record: Record, seed: int) -> None:
    record.manifest["plan"]["seed"] = 1000 + seed
    seal(record.folder, record.manifest)
    record.settle()


def with_a_larger_budget(record: Record, _seed: int) -> None:
    record.manifest["plan"]["threat"]["eps"] = 1.2 * record.eps
    record.eps *= 1.2
    record.write()


FORGERIES: dict[str, Callable[[Record, int], None]] = {
    "findings emptied": without_findings,
    "steps of a suite's attacks raised": with_more_steps,
    "steps of one's own attacks raised": with_more_steps_of_ones_own,
    "successes erased on a fifth of the samples": with_erased_successes,
    "every success erased": with_all_successes_erased,
    "queries and gradients x 100 on a fifth": with_more_queries,
    "nearest errors 10 % farther on a fifth": with_farther_errors,
    "another seed": with_another_seed,
    "ε raised by a fifth": with_a_larger_budget,
}
"""Kinds of forgery by name; samples that were picked are a run of their own."""
