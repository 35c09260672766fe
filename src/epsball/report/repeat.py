"""What repeats a run and what checks it: lines for a shell where names say it all, else lines of Python."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.record.manifest import INPUTS, MANIFEST, attack_stages
from epsball.report.calls import attack_call, needed_imports
from epsball.terminal import command as pasted

if TYPE_CHECKING:
    from epsball.record import Evaluation

POINTLESS = "D16"
"""The finding that ends a run after the clean pass unless it is told to go on."""
ANEW = Path("run")
"""The folder for a run that was made in memory, once it is repeated."""


def repeat(run: Evaluation, folder: Path) -> dict[str, str]:
    """Lines that run the same evaluation again and verify this one, and what they are."""
    kept = (folder / MANIFEST).is_file()
    verified = "this run" if kept else "what was repeated, for this run left no folder"
    if repeatable(run):
        verified = "it" if kept else verified
        says = f"In a shell, from the folder in which the run was made; the first line repeats it, the second verifies {verified}:"
        again = command(run) if kept else command(run, ANEW)
        return {"says": says, "lines": f"{again}\n{_check(run, folder if kept else ANEW)}"}
    says = f"In Python; the last line verifies {verified}:"
    if not run.plan.model.source:
        says = f"In Python, where net is the {run.plan.model.class_name} that was evaluated; the last line verifies {verified}:"
    return {"says": says, "lines": python(run, folder)}


def repeatable(run: Evaluation) -> bool:
    """Whether a command line says it all: model, data and suite by name, and pixels in [0, 1]."""
    plan = run.plan
    usual = (plan.threat.low, plan.threat.high) == (0, 1) and not plan.certifiers
    return bool(plan.model.source and plan.data.source) and plan.suite != "custom" and usual


def command(run: Evaluation, out: Path | None = None) -> str:
    """The line for a shell that evaluates the same again, into a folder where one is wanted."""
    plan = run.plan
    reckless = bool(run.attacks) and any(finding.id == POINTLESS for finding in run.findings)
    return pasted(
        "evaluate",
        plan.model.source,
        data=plan.data.source,
        split=plan.data.split or None,
        n=str(_given(run)),
        size=None if plan.data.cut is None else str(plan.data.cut.size),
        crop=None if plan.data.cut is None else str(plan.data.cut.crop),
        norm=plan.threat.norm,
        eps=None if math.isinf(run.eps) else _exact(run.eps),
        levels=None if plan.threat.levels is None else str(plan.threat.levels),
        suite=plan.suite,
        seed=str(plan.seed),
        budget=f"{plan.budget.rounds} rounds" if plan.budget else None,
        device=None if plan.model.device == "cpu" else plan.model.device,
        mean=_numbers(plan.model.mean),
        std=_numbers(plan.model.std),
        outputs=None if plan.model.outputs == "logits" else plan.model.outputs,
        key=plan.model.key or None,
        every_sample="" if plan.every_sample else None,
        bfloat16="" if plan.batching.bfloat16 else None,
        anyway="" if reckless else None,
        out=None if out is None else str(out),
    )


def _check(run: Evaluation, folder: Path) -> str:
    return pasted("verify", folder, trust_source=None if run.plan.model.source.startswith("zoo:") else "")


def python(run: Evaluation, folder: Path) -> str:
    """The lines of Python that evaluate the same again and verify this run; `net` stands for a model that has no name."""
    plan = run.plan
    stored, kept = (folder / INPUTS).is_file(), (folder / MANIFEST).is_file()
    reckless = bool(run.attacks) and any(finding.id == POINTLESS for finding in run.findings)
    settings = {
        "certifiers": list(plan.certifiers),
        "seed": plan.seed,
        "every_sample": plan.every_sample,
        "anyway": reckless,
        "budget": "" if plan.budget is None or stored else f"{plan.budget.rounds} rounds",
    }
    rest = "".join(f", {name}={value!r}" for name, value in settings.items() if value)
    rest += "" if kept else f", out={str(ANEW)!r}"
    suite = _suite(run)
    given, trusted = ("", ", trust_source=True") if plan.model.source else (", model", "")
    lines = [
        "import epsball as eb",
        *needed_imports(suite),
        *(["from epsball.record import read_inputs"] if stored else []),
        "",
        _model(run),
        _data(run, folder, stored=stored),
        f"threat = eb.Threat({_threat(run)})",
        f"suite = {suite}",
        f"run = eb.evaluate(model, (x, y), threat, suite=suite{', ids=ids' if stored else ''}{rest})",
        f"eb.verify({str(folder if kept else ANEW)!r}{given}{trusted})",
    ]
    return "\n".join(lines)


def _suite(run: Evaluation) -> str:
    plan = run.plan
    if plan.suite != "custom":
        return repr(plan.suite)
    calls = {name: attack_call(plan.attacks[name]).replace("\n", "\n    ") for name in attack_stages(plan)}
    return "{\n" + "".join(f"    {name!r}: {call},\n" for name, call in calls.items()) + "}"


def _data(run: Evaluation, folder: Path, *, stored: bool) -> str:
    data = run.plan.data
    if stored:
        return f"x, y, ids = read_inputs({str(folder)!r})"
    if data.source:
        cut = "" if data.cut is None else f", size={data.cut.size}, crop={data.cut.crop}"
        return f"x, y = eb.load_data({data.source!r}, split={data.split or 'test'!r}, n={_given(run)}{cut})"
    shape = ", ".join(map(str, data.shape))
    return f"# x ({data.n}, {shape}) and y ({data.n},): the inputs and labels of SHA-256 {data.fingerprint}"


def _given(run: Evaluation) -> int:
    """How many samples the run was given, of which one within a time evaluated the first in a drawn order."""
    return run.plan.budget.samples if run.plan.budget else run.plan.data.n


def _model(run: Evaluation) -> str:
    plan = run.plan.model
    given = "".join(
        f", {name}={_plain(value)!r}" for name, value in (("mean", plan.mean), ("std", plan.std)) if value is not None
    )
    given += "" if plan.outputs == "logits" else f", outputs={plan.outputs!r}"
    given += f", key={plan.key!r}" if plan.key else ""
    if plan.source:
        return f"model = eb.load_model({plan.source!r}{given})"
    weights = f"  # weights of SHA-256 {plan.weights}" if plan.weights else ""
    return f"model = eb.wrap(net{given}){weights}"


def _threat(run: Evaluation) -> str:
    threat = run.plan.threat
    eps = "" if math.isinf(run.eps) else f", {_exact(run.eps)!r}" if "/" in _exact(run.eps) else f", {_exact(run.eps)}"
    box = "".join(
        f", {name}={value!r}" if isinstance(value, float | int) else f", {name}={name}"
        for name, value, usual in (("low", threat.low, 0), ("high", threat.high, 1))
        if value != usual
    )
    levels = "" if threat.levels is None else f", levels={threat.levels}"
    return f"{threat.norm!r}{eps}{box}{levels}"


def _exact(eps: float) -> str:
    """The text that is read as exactly this number: ``8/255`` where that is it, else its decimals."""
    steps = round(255 * eps)
    return f"{steps}/255" if 0 < steps < 255 and steps / 255 == eps and len(str(eps)) > 8 else repr(eps)  # noqa: PLR2004 (255ths; a short decimal stays one)


def _plain(value: Any) -> Any:
    """A mean as a number or a flat list, rounded to what float32 holds."""
    flat = [float(f"{number:.7g}") for number in np.ravel(value)]
    return flat[0] if len(flat) == 1 else flat


def _numbers(value: Any) -> str | None:
    """What the command line takes for a mean: 0.5 or 0.49,0.48,0.45."""
    if value is None:
        return None
    return ",".join(f"{number:.7g}" for number in np.ravel(value))
