"""An evaluation under way: what is known of every sample so far, kept in memory and, if wanted, on disk."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from copy import copy, deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from epsball import diagnostics
from epsball.certification.base import radii
from epsball.data.arrays import made_on
from epsball.diagnostics.base import CHECKS
from epsball.errors import InputError, ModelError, UntrustworthyError
from epsball.evaluation.as_array import AsArray
from epsball.evaluation.budget import OutOfTimeError
from epsball.evaluation.ladder import beside
from epsball.evaluation.replay_check import search
from epsball.evaluation.reuse import refuse_other_ids
from epsball.record.columns import tabulate
from epsball.record.evaluation import CERTIFICATE_COLUMNS, AttackRows, Evaluation, Finding
from epsball.record.manifest import stage_name
from epsball.record.selection import to_run_on
from epsball.verification import independent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from epsball.attacks.base import Attack
    from epsball.certification.base import Certifier
    from epsball.evaluation.meter import Meter
    from epsball.evaluation.samples import Samples
    from epsball.record.plan import Plan
    from epsball.record.store import Notes, Store
    from epsball.threat import Threat


_CHANGED = "_samples", "_plan", "_first", "_lower", "_rows", "_chunks_before"
_NOTED = "_dropped", "_success_rates", "_undefined", "_blind", "_eight_bits", "_noted"
"""What a round changes, and what it is to be remembered by."""


class Run:
    """One stage after the other: `start`, `certify` and `attack` as often as needed, `finish`.

    Every stage is cut into chunks of samples. A chunk that the store holds already is read instead of computed, and one that
    is computed is stored before the next begins. Which samples a stage takes depends on finished stages only, so a resumed
    run takes the same ones.
    """

    def __init__(self, samples: Samples, threat: Threat, plan: Plan, store: Store, meter: Meter) -> None:
        """Nothing is computed yet."""
        self._samples, self._threat, self._plan, self._store, self._meter = samples, threat, plan, store, meter
        self._lower = np.zeros(len(samples))
        self._rows: dict[str, AttackRows] = {}
        self._dropped: dict[str, dict[str, list[int]]] = {}
        self._success_rates: list[float] = []
        self._undefined: dict[str, list[int]] = {}
        self._blind: set[int] = set()
        self._eight_bits: dict[str, list[int]] = {}
        self._noted: dict[str, dict[str, list[int]]] = {name: {} for name in diagnostics.NOTED}
        self._findings: list[Finding] = []
        self._passes, self._first = 1, 0
        self._chunks_before: dict[str, int] = {}
        self._earlier: Mapping[str, NDArray[Any]] | None = None
        self._before: dict[str, Any] = {}

    def start(self, expected: float | None = None) -> None:
        """Check the model and its clean accuracy, where one is expected, and store the inputs or take up what an earlier call found."""
        self.check(expected)
        samples = self._samples
        self._store.write_inputs(AsArray(samples.x), samples.label, samples.ids)
        if self._earlier is None:
            self._store.write_clean(self._table())
        else:
            self._samples = self._as_before(samples)

    def check(self, expected: float | None = None) -> None:
        """Check the model and its clean accuracy on the samples so far, and read what an earlier call found."""
        samples = self._samples
        right = int(samples.right.sum())
        self._meter.begin("checks", 0, right=right, robust=right)
        context = diagnostics.Preflight(
            samples.model,
            samples.x,
            samples.y,
            samples.clean,
            samples.classes,
            self._threat.continuous,
            samples.batching.batch_size,
            self._plan.data.names,
            expected,
            made_on(self._plan.data.source),
            self._plan.model.weights or self._plan.model.structure,
            self._plan.data.source,
        )
        self._findings = diagnostics.preflight(context)
        if any(finding.id == "D02" for finding in self._findings):
            self._passes = independent.PASSES
        self._store.write_findings(self._findings)
        self._earlier = self._store.read_clean()

    def _as_before(self, samples: Samples) -> Samples:
        """The samples with the labels that an earlier call predicted: of a model that draws, another pass gives others."""
        earlier = self._earlier
        if earlier is None:
            return samples
        n = min(len(samples), len(earlier["id"]))
        refuse_other_ids(earlier["id"][:n], samples.ids[:n])
        return replace(samples, clean=np.concatenate([earlier["clean"][:n], samples.clean[n:]]))

    def take(self, samples: Samples, plan: Plan, first: int) -> None:
        """A round begins: go on to samples of which the first ones are through."""
        self._before = {name: copy(getattr(self, name)) for name in _CHANGED} | {
            name: deepcopy(getattr(self, name)) for name in _NOTED
        }
        clean = np.concatenate([self._samples.clean[:first], samples.clean[first:]])
        self._samples, self._plan, self._first = self._as_before(replace(samples, clean=clean)), plan, first
        self._lower = np.concatenate([self._lower[:first], np.zeros(len(samples) - first)])
        self._store.extend(plan, AsArray(samples.x), samples.label, samples.ids)
        self._store.write_clean(self._table())

    def drop_round(self) -> None:
        """Forget the round that was begun last."""
        for name, value in self._before.items():
            setattr(self, name, value)
        self._store.drop_round()
        self._store.write_clean(self._table())

    @property
    def pointless(self) -> bool:
        """Whether a check before the first attack says that attacks would show nothing."""
        return any(
            found.severity == "FAIL" and found.id in CHECKS and CHECKS[found.id].ends for found in self._findings
        )

    def stopped(self) -> Evaluation:
        """What is known so far; the run stays incomplete, and the same call goes on with it once it is wanted anyway."""
        return Evaluation.of(self._plan, self._table(), self._rows, self._findings, 0.0, images=self._store.images)

    def stages(self, certifiers: Mapping[str, Certifier], attacks: Mapping[str, Attack]) -> None:
        """All certificates, then all attacks in order.

        Raises:
            UntrustworthyError: an attack found an error nearer than a certificate allows.
        """
        for position, (name, certifier) in enumerate(certifiers.items()):
            self.certify(position, name, certifier)
        for position, (name, attack) in enumerate(attacks.items()):
            self.attack(position, name, attack)

    def certify(self, position: int, name: str, certifier: Certifier) -> None:
        """Raise the lower bounds of the correctly classified samples."""
        stage = stage_name("certificates", position, name)
        for number, at in self._chunks(stage, name, self._samples.right):
            stored = self._store.read_columns(stage, number, CERTIFICATE_COLUMNS)
            if stored is None:
                started = time.perf_counter()
                x, y, _ = self._samples.rows(at)
                lower = radii(name, certifier, self._samples.model, x, y, self._threat)
                stored = {"id": self._samples.ids[at], "lower": lower}
                self._store.write_columns(stage, number, stored, time.perf_counter() - started)
            self._lower[at] = np.maximum(self._lower[at], stored["lower"])

    def attack(self, position: int, name: str, attack: Attack) -> None:
        """Lower the upper bounds of the samples that the attack is to be run on.

        Raises:
            UntrustworthyError: the attack found an error nearer than a certificate allows.
        """
        stage = stage_name("attacks", position, name)
        wanted, chunks = to_run_on(self._plan, name, self._table(), self._rows), []
        for number, at in self._chunks(stage, name, wanted):
            rows = self._store.read_chunk(stage, number)
            if rows is None:
                with _own_errors(attack, foreign=bool(self._plan.attacks[name].code)):
                    rows = self._attack_chunk(stage, number, attack, at)
            self._agree(name, rows, at)
            chunks.append(rows)
            self._remember(name, self._store.notes(stage, number))
        before = [self._rows[name]] if name in self._rows else []
        self._rows[name] = AttackRows.join([*before, *chunks])

    def _attack_chunk(self, stage: str, number: int, attack: Attack, at: NDArray[np.int64]) -> AttackRows:
        started = time.perf_counter()
        checked = search(
            self._samples,
            at,
            attack,
            self._threat,
            seed=self._plan.seed,
            passes=self._passes,
            tick=self._meter.tick,
        )
        seconds = time.perf_counter() - started
        self._store.write_chunk(stage, number, checked.rows, checked.examples, seconds, checked.notes)
        return checked.rows

    def _agree(self, name: str, rows: AttackRows, at: NDArray[np.int64]) -> None:
        """A stored chunk is about the same samples; no error lies nearer than a certificate allows."""
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

    def _remember(self, name: str, notes: Notes) -> None:
        self._success_rates += notes.get("success_rate", [])
        dropped = self._dropped.setdefault(name, {"moved": [], "label": []})
        for reason in dropped:
            dropped[reason] += notes.get(reason, [])
        self._undefined.setdefault(name, []).extend(notes.get("undefined", []))
        self._blind.update(notes.get("blind", []))
        self._eight_bits.setdefault(name, []).extend(notes.get("eight_bits", []))
        for kind in self._noted.keys() & notes.keys():
            self._noted[kind].setdefault(name, []).extend(notes[kind])

    def _chunks(self, stage: str, name: str, wanted: NDArray[np.bool_]) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Number and places of every chunk of the wanted samples of this round; without rounds, of all."""
        places, size = np.flatnonzero(wanted), self._plan.batching.chunk_size
        places = places[places >= self._first]
        robust = self._table()["upper"] > min(float(self._threat.eps), sys.float_info.max)
        self._meter.begin(name, len(places), right=int(self._samples.right.sum()), robust=int(robust.sum()))
        for start in range(0, len(places), size):
            at = places[start : start + size]
            number = self._chunks_before.get(stage, 0)
            self._chunks_before[stage] = number + 1
            self._meter.chunk(len(at))
            yield number, at
            self._meter.ended(len(at))

    def _table(self) -> dict[str, NDArray[Any]]:
        samples = self._samples
        return tabulate(samples.ids, samples.label, samples.clean, self._lower, self._rows)

    def finish(self) -> Evaluation:
        """Judge the rows, and mark the run complete."""
        table, eps, samples = self._table(), float(self._threat.eps), self._samples
        outcome = diagnostics.Outcome(
            ids=samples.ids,
            label=samples.label,
            clean=samples.clean,
            robust=table["upper"] > eps if np.isfinite(eps) else samples.right,
            eps=eps,
            seed=self._plan.seed,
            attacks=self._rows,
            traits={name: diagnostics.Traits.of(attack) for name, attack in self._plan.attacks.items()},
            dropped=self._dropped,
            success_rates=np.array(self._success_rates),
            passes=self._passes,
            left_out=samples.left_out,
            undefined=self._undefined,
            blind=np.array(sorted(self._blind), np.int64),
            eight_bits=self._eight_bits,
            **beside(samples, self._threat, self._plan, self._rows, random=self._passes > 1),
            **cast("dict[str, Any]", self._noted),
        )
        findings = [*self._findings, *diagnostics.after(outcome)]
        self._meter.finish()
        self._store.write_inputs(AsArray(samples.x), samples.label, samples.ids)
        self._store.finish(table, findings)
        seconds = sum(self._store.seconds.values())
        return Evaluation.of(self._plan, table, self._rows, findings, seconds, images=self._store.images)


@contextmanager
def _own_errors(attack: Attack, *, foreign: bool) -> Iterator[None]:
    """Tell an error inside code that the user brought along in one sentence; in the library's own it is a defect and stays as it is."""
    try:
        yield
    except (InputError, ModelError, UntrustworthyError, OutOfTimeError, OSError, KeyboardInterrupt):
        raise
    except BaseException as error:
        if not foreign:
            raise
        said = " ".join(str(error).split()) or "no reason given"
        raise InputError(
            f"the attack {type(attack).__name__} raised {type(error).__name__}: {said}; run it on its own and mend it, "
            "epsball.testing.check_attack shows what it must keep to"
        ) from error
