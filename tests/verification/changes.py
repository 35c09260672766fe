"""Forty ways to change a run folder, finished or half done, by accident or on purpose."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load_file, save

import epsball as eb
from epsball.record.evaluation import ATTACK_COLUMNS, SAMPLE_COLUMNS
from epsball.record.files import read_table, table_bytes
from epsball.record.manifest import examples_name
from forgery import contents, forge, seal
from toy import Affine, samples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Change = Callable[[Path], object]

FGSM, PGD, DEEPFOOL = (f"attacks/{name}/00000.parquet" for name in ("01-fgsm", "02-pgd", "03-deepfool"))
EXAMPLES = examples_name(DEEPFOOL)


def delete(name: str) -> Change:
    return lambda folder: (folder / name).unlink()


def truncate(name: str) -> Change:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-40])


def flip(name: str) -> Change:
    def change(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 4
        (folder / name).write_bytes(content)

    return change


def swap(one: str, two: str) -> Change:
    def change(folder: Path) -> None:
        first, second = ((folder / name).read_bytes() for name in (one, two))
        (folder / one).write_bytes(second)
        (folder / two).write_bytes(first)

    return change


def copy(one: str, two: str) -> Change:
    def change(folder: Path) -> None:
        (folder / two).parent.mkdir(exist_ok=True)
        shutil.copy(folder / one, folder / two)

    return change


def edit(change: Callable[[dict[str, Any]], object], *, signed: bool = True) -> Change:
    """Change `run.json`, and sign it again or not."""

    def edited(folder: Path) -> None:
        run = contents(folder)
        change(run)
        if signed:
            seal(folder, run)
        else:
            (folder / "run.json").write_text(json.dumps(run))

    return edited


def column(name: str, kinds: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Change:
    """Change columns of a table, and sign it again."""
    return lambda folder: forge(folder, name, table_bytes(change(dict(read_table(folder / name, kinds)))))


def arrays(name: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Change:
    """Change arrays of a file, and sign it again."""
    return lambda folder: forge(folder, name, save(change(load_file(folder / name))))


def swapped_and_signed(folder: Path) -> None:
    swap(FGSM, PGD)(folder)
    run = contents(folder)
    for name in (FGSM, PGD):
        forge(folder, name, (folder / name).read_bytes())
    run = contents(folder)
    run["files"][FGSM]["rows"], run["files"][PGD]["rows"] = run["files"][PGD]["rows"], run["files"][FGSM]["rows"]
    seal(folder, run)


def without_an_attack(folder: Path) -> None:
    """The last attack goes with all of its files."""
    run = contents(folder)
    for name in [name for name in run["files"] if "03-deepfool" in name]:
        del run["files"][name]
        (folder / name).unlink()
    del run["plan"]["attacks"]["deepfool"]
    seal(folder, run)


CARELESS: dict[str, Change] = {
    "inputs deleted": delete("inputs.safetensors"),
    "clean labels deleted": delete("clean.parquet"),
    "samples deleted": delete("samples.parquet"),
    "rows of an attack deleted": delete(PGD),
    "adversarial examples deleted": delete(EXAMPLES),
    "list of contents deleted": delete("run.json"),
    "inputs truncated": truncate("inputs.safetensors"),
    "samples truncated": truncate("samples.parquet"),
    "list of contents truncated": truncate("run.json"),
    "a bit of the inputs flipped": flip("inputs.safetensors"),
    "a bit of the rows flipped": flip(DEEPFOOL),
    "a bit of the examples flipped": flip(EXAMPLES),
    "rows of two attacks swapped": swap(FGSM, PGD),
    "a chunk copied as a second one": copy(DEEPFOOL, "attacks/03-deepfool/00001.parquet"),
    "rows of an attack copied as one that the plan lacks": copy(PGD, "attacks/04-square/00000.parquet"),
    "findings emptied, not signed": edit(lambda run: run["findings"].clear(), signed=False),
    "budget raised, not signed": edit(lambda run: run["plan"]["threat"].update(eps=0.02), signed=False),
    "status set back, not signed": edit(lambda run: run.update(status="running"), signed=False),
    "an unknown field, not signed": edit(lambda run: run.update(more=1), signed=False),
    "another format, not signed": edit(lambda run: run.update(format=3), signed=False),
}
"""Not signed again: whatever reads the folder refuses it."""

CAREFUL: dict[str, Change] = {
    "findings emptied": edit(lambda run: run["findings"].clear()),
    "a finding made harmless": edit(lambda run: run["findings"][0].update(severity="INFO")),
    "another remedy": edit(lambda run: run["findings"][0].update(remedy="nothing is to be done")),
    "a finding that nothing gives": edit(lambda run: run["findings"].append(run["findings"][0] | {"id": "D99"})),
    "a finding listed twice": edit(lambda run: run["findings"].append(run["findings"][0])),
    "budget raised": edit(lambda run: run["plan"]["threat"].update(eps=0.02)),
    "budget lowered": edit(lambda run: run["plan"]["threat"].update(eps=0.01)),
    "another norm": edit(lambda run: run["plan"]["threat"].update(norm="l2")),
    "another seed": edit(lambda run: run["plan"].update(seed=9)),
    "steps raised": edit(lambda run: run["plan"]["attacks"]["pgd"]["settings"].update(steps=10_000)),
    "called a suite": edit(lambda run: run["plan"].update(suite="quick", suite_version=10)),
    "called a version of a suite that is to come": edit(
        lambda run: run["plan"].update(suite="quick", suite_version=99)
    ),
    "an attack called another one": edit(lambda run: run["plan"]["attacks"]["pgd"].update(kind="APGD")),
    "another number of samples": edit(lambda run: run["plan"]["data"].update(n=600)),
    "another number of classes": edit(lambda run: run["plan"]["data"].update(classes=100)),
    "samples left out": edit(lambda run: run["plan"]["data"].update(left_out=5)),
    "another chunk size": edit(lambda run: run["plan"]["batching"].update(chunk_size=16)),
    "a certificate": edit(lambda run: run["plan"].update(certifiers=["interval"])),
    "rows of two attacks swapped and signed": swapped_and_signed,
    "an attack taken out": without_an_attack,
    "upper bounds raised": column("samples.parquet", SAMPLE_COLUMNS, lambda of: of | {"upper": of["upper"] * 2}),
    "fewer queries": column(PGD, ATTACK_COLUMNS, lambda of: of | {"queries": of["queries"] // 2}),
    "successes taken for failures": column(
        FGSM, ATTACK_COLUMNS, lambda of: of | {"success": np.zeros_like(of["success"])}
    ),
    "a row given twice": column(
        PGD, ATTACK_COLUMNS, lambda of: {name: np.append(values, values[-1:]) for name, values in of.items()}
    ),
    "another example": arrays(EXAMPLES, lambda of: of | {"x": of["x"][::-1].copy()}),
    "other labels": arrays("inputs.safetensors", lambda of: of | {"y": of["y"][::-1].copy()}),
}
"""Signed again: `verify` refuses the folder, alone or with a replay."""

Continued = dict[str, Any]
x, y = samples()
ANOTHER: dict[str, Continued] = {
    "another model": {"model": Affine(seed=3)},
    "other samples": {"data": samples(seed=5)},
    "fewer samples": {"data": (x[:50], y[:50])},
    "other labels": {"data": (x, (y + 1) % 4)},
    "another budget": {"eps": 0.02},
    "another norm": {"threat": eb.Threat("l2", 0.015)},
    "another seed": {"seed": 1},
    "other settings": {"suite": {"noise": eb.AdditiveNoise(draws=3), "fgsm": eb.FGSM(), "pgd": eb.PGD(steps=5)}},
    "one attack more": {"suite": {"noise": eb.AdditiveNoise(draws=3), "pgd": eb.PGD(steps=4, rate=0.5)}},
    "chunks of another size": {"chunk_size": 8},
    "every sample": {"every_sample": True},
    "other ids": {"ids": range(100, 160)},
}
"""What a folder is continued with, finished or half done, and is not about: the evaluation is refused."""
