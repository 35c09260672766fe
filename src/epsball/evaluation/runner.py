"""An evaluation under way: what is known of every sample so far, kept in memory and, if wanted, on disk."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from epsball import diagnostics
from epsball.certification.base import radii
from epsball.errors import InputError, UntrustworthyError
from epsball.evaluation.replay_check import confirm
from epsball.record.columns import tabulate
from epsball.record.evaluation import AttackRows, Evaluation, Finding
from epsball.record.run_folder import stage_name
from epsball.threat import Threat, replace_eps
from epsball.verification import independent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from epsball.attacks.base import Attack
    from epsball.certification.base import Certifier
    from epsball.evaluation.samples import Samples
    from epsball.progress import Progress
    from epsball.record.in_memory import Nowhere
    from epsball.record.run_folder import RunFolder

CERTIFICATE = {"id": np.int64, "lower": np.float64}


class Run:
    """One stage after the other: `start`, `certify` and `attack` as often as needed, `finish`.

    Every stage is cut into parts. A part that the folder holds already is read instead of computed, and one that is
    computed is stored before the next begins. Which samples a stage asks about depends on finished stages only, so a
    resumed run asks about the same ones.
    """

    def __init__(
        self, samples: Samples, threat: Threat, spec: dict[str, Any], folder: RunFolder | Nowhere, told: Progress
    ) -> None:
        """Nothing is computed yet."""
        self._samples, self._threat, self._spec, self._folder, self._told = samples, threat, spec, folder, told
        self._lower = np.zeros(len(samples))
        self._rows: dict[str, AttackRows] = {}
        self._dropped: dict[str, dict[str, list[int]]] = {}
        self._held: list[float] = []
        self._findings: list[Finding] = []
        self._passes = 1

    def start(self, x: NDArray[Any]) -> None:
        """Check the model, and store the inputs x (n, …) or take up what an earlier session found."""
        samples = self._samples
        self._told("checks", 0, len(samples))
        plausible = diagnostics.baseline(samples.label, samples.clean, samples.classes)
        self._findings = [
            *diagnostics.preflight(samples.model, samples.x, samples.y),
            *([plausible] if plausible else []),
        ]
        if any(finding.id == "D02" for finding in self._findings):
            self._passes = independent.PASSES
        self._folder.write_inputs(x, samples.label, samples.ids)
        self._folder.write_findings(self._findings)
        earlier = self._folder.read_samples()
        if earlier is None:
            self._store()
            return
        if not np.array_equal(earlier["id"], samples.ids):
            raise InputError(
                "the run folder holds samples of other ids; choose another folder with out=, or delete that one"
            )
        self._samples = replace(samples, clean=earlier["clean"])

    def certify(self, position: int, name: str, certifier: Certifier) -> None:
        """Raise the lower bounds of the correctly classified samples."""
        stage = stage_name("certificates", position, name)
        for number, at in self._parts(name, self._samples.right):
            stored = self._folder.read_columns(stage, number, CERTIFICATE)
            if stored is None:
                started = time.perf_counter()
                stored = {"id": self._samples.ids[at], "lower": radii(name, certifier, self._samples, at, self._threat)}
                self._folder.write_columns(stage, number, stored, time.perf_counter() - started)
            self._lower[at] = np.maximum(self._lower[at], stored["lower"])
        self._store()

    def attack(self, position: int, name: str, attack: Attack) -> None:
        """Lower the upper bounds of the samples that the attack is to be asked about.

        Raises:
            UntrustworthyError: the attack found an error nearer than a certificate allows.
        """
        stage = stage_name("attacks", position, name)
        everyone = attack.minimum_norm or bool(self._spec["every_sample"])
        standing = self._table()["upper"] > float(self._threat.eps)
        parts = []
        for number, at in self._parts(name, self._samples.right & (standing | everyone)):
            rows = self._folder.read_part(stage, number)
            if rows is None:
                rows = self._attack_part(stage, number, attack, at)
            self._agree(name, rows, at)
            parts.append(rows)
            self._remember(name, self._folder.remarks(stage, number))
        self._rows[name] = AttackRows.join(parts)
        self._store()

    def _attack_part(self, stage: str, number: int, attack: Attack, at: NDArray[np.int64]) -> AttackRows:
        started = time.perf_counter()
        threat = replace_eps(self._threat, np.inf) if attack.minimum_norm else self._threat
        x, y, ids = self._samples.rows(at)
        found = attack(
            self._samples.model, x, y, threat, seed=self._spec["seed"], ids=ids, batching=self._samples.batching
        )
        kept = confirm(self._samples, at, found, threat, self._passes)
        self._folder.write_part(stage, number, kept.rows, kept.examples, time.perf_counter() - started, kept.remarks)
        return kept.rows

    def _agree(self, name: str, rows: AttackRows, at: NDArray[np.int64]) -> None:
        """A stored part is about the same samples; no error lies nearer than a certificate allows."""
        if not np.array_equal(rows.id, self._samples.ids[at]):
            raise InputError(
                f"the run folder holds rows of {name} about other samples; choose another folder with out="
            )
        excluded = rows.success & (rows.distance < self._lower[at] * (1 - independent.SAME))
        if excluded.any():
            first = int(excluded.argmax())
            raise UntrustworthyError(
                f"{name} found an error of sample {rows.id[first]} at distance {rows.distance[first]:g}, and a certificate excludes "
                f"errors up to {self._lower[at][first]:g}; one of them is wrong: do not quote either, and check the certificate first"
            )

    def _remember(self, name: str, remarks: dict[str, list[Any]]) -> None:
        self._held += remarks.get("held", [])
        known = self._dropped.setdefault(name, {"moved": [], "label": []})
        for reason in known:
            known[reason] += remarks.get(reason, [])

    def _parts(self, name: str, wanted: NDArray[np.bool_]) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Number and places of every part of the wanted samples."""
        places, size = np.flatnonzero(wanted), int(self._spec["batching"]["chunk_size"])
        for number, start in enumerate(range(0, len(places), size)):
            self._told(name, start, len(places))
            yield number, places[start : start + size]
        self._told(name, len(places), len(places))

    def _table(self) -> dict[str, NDArray[Any]]:
        samples = self._samples
        return tabulate(samples.ids, samples.label, samples.clean, self._lower, self._rows)

    def _store(self) -> None:
        self._folder.write_samples(self._table())

    def finish(self) -> Evaluation:
        """Judge the rows, and mark the run complete."""
        table, eps = self._table(), float(self._threat.eps)
        facts = self._spec["attacks"]
        standing = table["upper"] > eps if np.isfinite(eps) else self._samples.right
        found = [
            *self._findings,
            *diagnostics.dropped_claims(self._dropped),
            diagnostics.lucky_draws(np.array(self._held), self._passes),
            *diagnostics.consistency(self._samples.ids, self._rows, facts, eps),
            diagnostics.sample_size(standing),
            diagnostics.adaptive_attack(facts),
        ]
        findings = [finding for finding in found if finding is not None]
        self._folder.finish(table, findings)
        seconds = sum(self._folder.seconds.values())
        table["ids"] = table.pop("id")
        return Evaluation(spec=self._spec, seconds=seconds, findings=findings, attacks=self._rows, **table)
