"""What later runs are held against: which samples a run was about, and which of them were right and robust. A file, or a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np
from msgspec import Struct

from epsball.errors import InputError, UntrustworthyError
from epsball.record import metrics, read_run
from epsball.record.evaluation import Finding  # noqa: TC001 (the schema is read when the module is loaded)
from epsball.record.files import read_bytes, sha256, write_whole
from epsball.record.manifest import MANIFEST, json_bytes
from epsball.record.plan import DataPlan, ThreatPlan, portable, real
from epsball.report.text import epsilon

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epsball.record import Evaluation, Plan

AS_IT_WAS = "evaluate as it was measured, or measure a new one with --write-baseline"
LONGEST = 400
"""Characters of what the parser says."""


class ModelName(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The model a baseline was measured on: for its reader, nothing is loaded from it."""

    source: str
    class_name: str
    weights: str
    structure: str


class Baseline(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One verdict per sample, and all that must be the same where they are compared.

    `ids`, `label`, `right` and `robust` have a place for each of the n samples, in the order of the fingerprint of the data: whether
    it is classified correctly as it is, and still under attack. `attacks` is the SHA-256 of all attacks with their settings, `digest`
    that of all the rest.
    """

    format: Literal[1]
    epsball: str
    model: ModelName
    data: DataPlan
    threat: ThreatPlan
    suite: str
    suite_version: int
    attacks: str
    seed: int
    findings: tuple[Finding, ...]
    ids: list[int]
    label: list[int]
    right: list[bool]
    robust: list[bool]
    digest: str

    def __post_init__(self) -> None:
        """Refuse columns of other lengths, ids that stand there twice, and samples that are robust and wrong."""
        n = self.data.n
        if not len(self.ids) == len(set(self.ids)) == len(self.label) == len(self.right) == len(self.robust) == n:
            raise ValueError(f"Expected `ids`, `label`, `right` and `robust` of {n} different samples")
        if any(stands and not right for stands, right in zip(self.robust, self.right, strict=True)):
            raise ValueError("Expected `robust` only where `right`")
        if failed := sorted({each.id for each in self.findings if each.severity == "FAIL"}):
            raise ValueError(f"Expected a run that can be trusted, and {', '.join(failed)} failed")

    @classmethod
    def of(cls, run: Evaluation) -> Baseline:
        """What of a run is held against later ones.

        Raises:
            InputError: the run has no finite ε.
            UntrustworthyError: it cannot be trusted.
        """
        if not np.isfinite(run.eps):
            raise InputError("a baseline says what is robust within ε, and the run has none; evaluate with a finite ε")
        if not run.trusted:
            why = "; ".join(each.message for each in run.findings if each.severity == "FAIL") or "it is unfinished"
            raise UntrustworthyError(
                f"no baseline can be made of a run that cannot be trusted ({why}); mend that first"
            )
        plan = run.plan
        right = run.clean == run.label
        made = cls(
            format=1,
            epsball=plan.environment.versions.get("epsball", ""),
            model=ModelName(**{name: getattr(plan.model, name) for name in ModelName.__struct_fields__}),
            data=plan.data,
            threat=plan.threat,
            suite=plan.suite,
            suite_version=plan.suite_version,
            attacks=attacks_digest(plan),
            seed=plan.seed,
            findings=tuple(run.findings),
            ids=run.ids.tolist(),
            label=run.label.tolist(),
            right=right.tolist(),
            robust=metrics.robust(run).tolist(),
            digest="",
        )
        return msgspec.structs.replace(made, digest=made.content_digest())

    def content_digest(self) -> str:
        """The SHA-256 of all but `digest`."""
        return sha256(json_bytes({name: value for name, value in portable(self).items() if name != "digest"}))

    def differences(self, threat: ThreatPlan, suite: str, version: int) -> Iterator[str]:
        """Why verdicts of a run like that cannot be compared with these: the end of a sentence for each reason."""
        if self.threat != threat:
            yield f"was measured for {_threat(self.threat)}, this run is for {_threat(threat)}"
        if (self.suite, self.suite_version) != (suite, version):
            yield (
                f"was measured by the suite {self.suite}, version {self.suite_version}, "
                f"this run is by {suite}, version {version}"
            )

    def refuse_other(self, threat: ThreatPlan, suite: str, version: int) -> None:
        """Refuse a run like that.

        Raises:
            InputError: it is not measured as the baseline was.
        """
        for difference in self.differences(threat, suite, version):
            raise InputError(f"the baseline {difference}; {AS_IT_WAS}")


class Pairs(Struct, frozen=True):
    """What changed on the `n` samples that a run and its baseline share.

    `baseline` and `now` count those that are robust in each, `baseline_right` and `right` those classified correctly; `lost_ids`
    are robust in the baseline alone, `won_ids` in the run.
    """

    n: int
    baseline: int
    now: int
    baseline_right: int
    right: int
    lost_ids: tuple[int, ...]
    won_ids: tuple[int, ...]

    @property
    def lost(self) -> int:
        """How many are robust in the baseline alone."""
        return len(self.lost_ids)

    @property
    def won(self) -> int:
        """How many are robust in the run alone."""
        return len(self.won_ids)


def paired(run: Evaluation, baseline: Baseline) -> Pairs:
    """Which samples of a run changed sides since the baseline.

    Raises:
        InputError: threat or attacks are others, or they share no sample of the same label.
    """
    plan = run.plan
    baseline.refuse_other(plan.threat, plan.suite, plan.suite_version)
    if baseline.attacks != attacks_digest(plan):
        raise InputError(f"the baseline was measured by attacks with other settings; {AS_IT_WAS}")
    places = {sample: place for place, sample in enumerate(baseline.ids)}
    at = np.array([places.get(sample, -1) for sample in run.ids.tolist()], np.int64)
    strange = (at < 0) | (np.asarray(baseline.label)[at] != run.label)
    if strange.any():
        raise InputError(
            f"{int(strange.sum())} of {len(run)} samples are none of the baseline's {baseline.data.n}, or have other labels; "
            "evaluate the baseline's samples"
        )
    right = run.clean == run.label
    before, now = np.asarray(baseline.robust)[at], metrics.robust(run)
    return Pairs(
        n=len(run),
        baseline=int(before.sum()),
        now=int(now.sum()),
        baseline_right=int(np.asarray(baseline.right)[at].sum()),
        right=int(right.sum()),
        lost_ids=tuple(run.ids[before & ~now].tolist()),
        won_ids=tuple(run.ids[now & ~before].tolist()),
    )


def attacks_digest(plan: Plan) -> str:
    """SHA-256 of all attacks of a run, with everything that decides what they do."""
    return sha256(
        json_bytes({name: [one["kind"], one["settings"], one["code"]] for name, one in portable(plan.attacks).items()})
    )


def write_baseline(run: Evaluation, path: Path | str) -> Baseline:
    """Write what of a run later ones are held against.

    Raises:
        InputError: the run has no finite ε.
        UntrustworthyError: it cannot be trusted.
    """
    baseline = Baseline.of(run)
    write_whole(Path(path), json_bytes(portable(baseline)))
    return baseline


def read_baseline(path: Path | str) -> Baseline:
    """Read a baseline, or make one of a run folder. Nothing that it names is loaded.

    Raises:
        InputError: there is no such file, or it is damaged; the sentence names the first field that is not as expected.
        UntrustworthyError: the run in the folder cannot be trusted.
    """
    path = Path(path)
    if path.is_dir() or path.name == MANIFEST:
        return Baseline.of(read_run(path if path.is_dir() else path.parent))
    if not path.is_file():
        raise InputError(f"there is no baseline {path}; write one with `epsball check … --write-baseline {path}`")
    content = read_bytes(path)
    try:
        baseline = msgspec.json.decode(content, type=Baseline, dec_hook=real)
        if baseline.digest != baseline.content_digest():
            raise ValueError("its digest differs")  # noqa: TRY301 (told as the others)
    except (msgspec.DecodeError, ValueError, OverflowError, RecursionError) as error:
        raise InputError(
            f"{path} ({len(content):,} bytes) is no baseline as epsball writes it: {str(error)[:LONGEST]}; "
            "restore it, or write a new one with --write-baseline"
        ) from error
    return baseline


def _threat(threat: ThreatPlan) -> str:
    levels = "" if threat.levels is None else f", {threat.levels} levels"
    box = "" if (threat.low, threat.high) == (0, 1) else ", another box"
    return f"{threat.norm}, ε = {epsilon(threat)}{levels}{box}"
