"""Do the parts of a run folder say the same? The samples' columns are derived once more from the rows of attacks and certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.record.columns import positions, tabulate
from epsball.record.manifest import CLEAN, INPUTS, SAMPLES, attack_stages, certificate_stages, examples_name
from epsball.record.selection import to_run_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from epsball.record.evaluation import AttackRows
    from epsball.record.manifest import Manifest

Columns = dict[str, "NDArray[Any]"]


def strange_files(manifest: Manifest) -> Iterator[str]:
    """A fragment of a sentence for each listed file that belongs to no stage of the plan."""
    stages = {*attack_stages(manifest.plan).values(), *certificate_stages(manifest.plan)}
    tables = {name for name in manifest.files if name.rpartition("/")[0] in stages and name.endswith(".parquet")}
    known = {INPUTS, CLEAN, SAMPLES, *tables, *map(examples_name, tables)}
    for name in sorted(manifest.files):
        if name not in known:
            yield f"{name} belongs to no attack and no certificate of the plan"


def strange_samples(
    manifest: Manifest, label: NDArray[np.int64], ids: NDArray[np.int64], clean: Columns
) -> Iterator[str]:
    """What does not fit between the inputs' labels and ids and the columns that were written after the clean pass."""
    data = manifest.plan.data
    if len(ids) != data.n or len(np.unique(ids)) != data.n or len(label) != data.n:
        yield f"the plan is about {data.n} samples, {INPUTS} holds {len(label)} labels and {len(np.unique(ids))} ids"
    for name, expected in (("id", ids), ("label", label)):
        if not np.array_equal(clean[name], expected):
            yield f"the column {name} is not that of {INPUTS}"
    for name in ("label", "clean"):
        rejected = name == "clean" and manifest.plan.model.outputs == "reject"  # which has the number after the classes
        yield from _outside(f"the column {name}", clean[name], data.classes + rejected)


def strange_rows(name: str, rows: AttackRows, clean: Columns, manifest: Manifest) -> Iterator[str]:
    """What no attack can have found, and where its rows contradict the clean pass."""
    found, plan = rows.success, manifest.plan.attacks[name]
    reach = np.inf if plan.minimum_norm else float(manifest.plan.threat.eps)
    confidence = np.concatenate([rows.confidence_before, rows.confidence_after])
    impossible = {
        "a success without a finite distance": ~(np.isfinite(rows.distance[found]) & (rows.distance[found] >= 0)),
        "a success beyond ε": rows.distance[found] > reach,
        "a failure with a distance": ~np.isposinf(np.concatenate([rows.distance[~found], rows.relative[~found]])),
        "a negative or missing relative distance": ~(rows.relative >= 0),
        "a negative count": np.concatenate([rows.queries, rows.gradients]) < 0,
        "a confidence outside 0 to 1": ~((confidence >= 0) & (confidence <= 1)),
        "another clean label than the samples": rows.before != clean["clean"][positions(clean["id"], rows.id)],
        "a failure that changed the label": rows.after[~found] != rows.before[~found],
    }
    yield from (f"{name} holds {what}" for what, there in impossible.items() if there.any())
    yield from _outside(f"{name}'s column after", rows.after, manifest.plan.data.classes)


def ended(
    clean: Columns, attacks: Mapping[str, AttackRows], manifest: Manifest
) -> tuple[dict[str, AttackRows], list[str]]:
    """The attacks that were run on every sample they were to be run on, in order; and what does not fit.

    An attack that has only begun, and those after it, are left out; of a finished run none may be.
    """
    whole: dict[str, AttackRows] = {}
    for name, rows in attacks.items():
        so_far = tabulate(clean["id"], clean["label"], clean["clean"], np.zeros(len(clean["id"])), whole)
        wanted = clean["id"][to_run_on(manifest.plan, name, so_far, whole)]
        if not np.array_equal(rows.id, wanted[: len(rows)]):
            return whole, [f"{name} was run on other samples than those that were robust before it"]
        if len(rows) < len(wanted):
            missing = [f"{name} holds {len(rows)} rows, expected {len(wanted)}"] if manifest.complete else []
            later = [other for other in list(attacks)[len(whole) + 1 :] if len(attacks[other])]
            return whole, missing or [f"{other} was begun before {name} had ended" for other in later]
        whole[name] = rows
    return whole, []


def other_columns(recorded: Columns, expected: Columns) -> Iterator[str]:
    """Where the samples' columns are not what clean pass, certificates and attacks give."""
    for name, values in expected.items():
        if not np.array_equal(recorded[name], values):
            yield f"the column {name} of {SAMPLES} is not what the rows of attacks and certificates give"


def _outside(what: str, labels: NDArray[np.int64], classes: int) -> Iterator[str]:
    if ((labels < 0) | (labels >= classes)).any():
        yield f"{what} holds labels outside 0 to {classes - 1}"
