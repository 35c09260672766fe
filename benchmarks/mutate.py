"""How many changed lines do the tests notice? Mutants of the core, drawn with the seeds of the command line.

python benchmarks/mutate.py --seeds 1 2 3 [--count 110 --processes 2 --minutes 90]

A mutant runs the tests that run its statement, and the first failure ends it. What is done already is not done again, as long as
the sources, the tests and the settings are the same.
"""

from __future__ import annotations

import argparse
import compileall
import hashlib
import json
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mutmut.configuration import config

import coverers
import forks
import mutants
from harness import HERE
from mutate_report import publish

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    import pytest

ROOT = HERE.parent
CACHE = ROOT / ".cache" / "mutate"
MEASURES, TRIES = ("coverers.py", "forks.py"), ("mutate.py", "mutants.py")
SECONDS = 60.0
MEASURING = 300.0
CONTROLS = 10
CHANGED = "changed.txt"
PACKAGES = ("mutmut", "libcst", "torch", "numpy", "hypothesis", "pytest")


class _Chosen:
    """Plugin: keeps the planned tests only, in the plan's order file by file, and notes the first that fails."""

    def __init__(self, tests: Sequence[coverers.Test], out: Path) -> None:
        self._place = {test.id: place for place, test in enumerate(tests)}
        self._out = out

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        kept = [item for item in items if item.nodeid in self._place]
        files: dict[str, int] = {}
        for item in kept:
            file = item.nodeid.partition("::")[0]
            files[file] = min(files.get(file, len(self._place)), self._place[item.nodeid])
        kept.sort(key=lambda item: (files[item.nodeid.partition("::")[0]], self._place[item.nodeid]))
        items[:] = kept

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._out.write_text(report.nodeid, encoding="utf-8")


@dataclass(frozen=True)
class Trial:
    """One mutant with its tests; without a mutant's text it is a control, which no test may fail."""

    mutant: mutants.Mutant
    text: str | None
    plan: tuple[list[coverers.Test], list[coverers.Test]]

    @property
    def key(self) -> str:
        """What it is called in the file of results."""
        return self.mutant.key if self.text is not None else f"control {self.mutant.key}"

    def run(self, copies: Sequence[Path], out: Path, slot: int) -> int:
        """In a fork: change this slot's copy of the tree and run the planned tests. 0 where all passed."""
        sys.dont_write_bytecode = True  # what is compiled of a changed file must not outlive it
        root, place = copies[slot], Path(self.mutant.file)
        changed = root / CHANGED
        if changed.exists():
            file = changed.read_text(encoding="utf-8")
            shutil.copy2(ROOT / file, root / file)
        if self.text is not None:
            changed.write_text(self.mutant.file, encoding="utf-8")
            (root / place).write_text(self.text, encoding="utf-8")
        for tests in self.plan:
            files = sorted({test.file for test in tests})
            status = forks.session(root, ["-x", *files], _Chosen(tests, out)) if tests else 0
            if status:
                return status
        return 0


def verdict(status: int | None, out: Path) -> dict[str, str]:
    """What became of a mutant, and which test noticed it."""
    if status == 0:
        return {"end": "survived", "by": ""}
    by = out.read_text(encoding="utf-8") if out.exists() else f"pytest's exit status {status}"
    return {"end": "killed" if status is not None else "timeout", "by": by if status is not None else ""}


def trials(chosen: Sequence[mutants.Mutant], found: coverers.Coverers, done: Container[str]) -> list[Trial]:
    """What is still to run: the mutants, and every so many of them once more unchanged."""
    source, texts = mutants.Source(ROOT), {}
    for mutant in sorted(chosen, key=lambda mutant: (mutant.file, mutant.number)):
        texts[mutant.key] = source.text(mutant)
    wanted = [Trial(mutant, texts[mutant.key], found.plan(mutant)) for mutant in chosen]
    wanted += [Trial(trial.mutant, None, trial.plan) for trial in wanted[:: -(-len(wanted) // CONTROLS)]]
    return [trial for trial in wanted if trial.key not in done]


def run(waiting: Sequence[Trial], copies: Sequence[Path], log: Path, minutes: float) -> None:
    """Run what is waiting, as far as the minutes go, and add it to the log line by line."""
    ends = time.monotonic() + 60 * minutes
    outs = [copies[0].parent / f"{place}.failed" for place in range(len(waiting))]
    jobs = [partial(trial.run, copies, out) for trial, out in zip(waiting, outs, strict=True)]
    with log.open("a", encoding="utf-8") as lines:
        for job, status, seconds in forks.run(jobs, len(copies), SECONDS):
            trial = waiting[job]
            line = {"key": trial.key, **verdict(status, outs[job]), "seconds": round(seconds, 1)}
            print(json.dumps(line | {"tests": sum(map(len, trial.plan))}), file=lines, flush=True)
            place = f"{trial.mutant.file}:{trial.mutant.line}"
            said = mutants.shortened(trial.mutant.change) if trial.text is not None else "unchanged"
            print(f"{line['end']:8} {seconds:4.0f} s  {place}  {said}", flush=True)
            if time.monotonic() > ends:
                return


def read(log: Path) -> dict[str, dict[str, Any]]:
    """The lines of a file of results, by key."""
    if not log.exists():
        return {}
    return {line["key"]: line for line in map(json.loads, log.read_text(encoding="utf-8").splitlines())}


def digest(paths: Iterable[Path]) -> str:
    """Name some files by what is in them and where they lie, with the versions that decide what is run."""
    whole = hashlib.sha256(" ".join(f"{name} {version(name)}" for name in PACKAGES).encode())
    for path in sorted(paths):
        whole.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return whole.hexdigest()[:16]


def copied(root: Path) -> Path:
    """Copy the tree, with the sources compiled."""
    shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "docs", "notebooks"))
    compileall.compile_dir(root / "src", quiet=2)
    return root


def collected(copies: Sequence[Path], tests: Sequence[str], slot: int) -> int:
    """In a fork: let pytest compile the tests of one copy."""
    return forks.session(copies[slot], ["--collect-only", *tests])


def test_files(chosen: Iterable[str]) -> list[str]:
    """Every test file below the chosen folders and files."""
    paths = (
        path for name in chosen for path in ([ROOT / name] if name.endswith(".py") else (ROOT / name).rglob("*.py"))
    )
    return sorted(path.relative_to(ROOT).as_posix() for path in paths if path.name.startswith("test_"))


def main() -> int:
    """Draw, measure, run, report; 1 where a seed's share of killed mutants is lower than wanted or not all were run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", required=True, help="chosen after the last test was written")
    parser.add_argument("--count", type=int, default=110, help="mutants that each seed draws")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--minutes", type=float, default=90.0, help="after which it stops; the next run goes on from there"
    )
    parser.add_argument("--out", type=Path, default=HERE / "results")
    options = parser.parse_args()

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the forks are ended with it
    started = time.monotonic()
    forks.warm()
    CACHE.mkdir(parents=True, exist_ok=True)
    tests = test_files(config().pytest_add_cli_args_test_selection)
    common = [*ROOT.glob("src/**/*.py"), *(p for p in ROOT.glob("tests/**/*.py") if not p.name.startswith("test_"))]
    common += [ROOT / "pyproject.toml", *(HERE / name for name in MEASURES)]
    tree = digest([*common, *(HERE / name for name in TRIES), *(ROOT / test for test in tests)])
    log = CACHE / f"{tree}.jsonl"
    pool = mutants.mutants(ROOT)
    drawn = {seed: mutants.draw(pool, seed, options.count) for seed in options.seeds}
    chosen = list({mutant.key: mutant for some in drawn.values() for mutant in some}.values())
    with tempfile.TemporaryDirectory() as folder:
        copies = [copied(Path(folder) / f"tree-{slot}") for slot in range(options.processes)]
        list(forks.run([partial(collected, copies, tests)] * len(copies), len(copies), MEASURING))
        kept = {test: CACHE / f"{digest([*common, ROOT / test])}.json" for test in tests}
        found = coverers.measure(copies, tests, mutants.files(ROOT), kept)
        run(trials(chosen, found, read(log)), copies, log, options.minutes - (time.monotonic() - started) / 60)
    return publish(options, tree, len(pool), drawn, found, read(log), time.monotonic() - started)


if __name__ == "__main__":
    sys.exit(main())
