"""Which tests run which lines, and how long each takes; measured once for every test file and kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import coverage
import pytest

import forks

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from mutants import Mutant

_LIMIT = 900
"""Seconds that one test file may take while it is measured."""
MOST = 20.0
"""Seconds of tests, as measured, that a mutant has to stand; the limit of 60 s is thus reached by changed behaviour alone."""


@dataclass(frozen=True)
class Test:
    """One test: its id in pytest and its seconds."""

    id: str
    seconds: float

    @property
    def file(self) -> str:
        """The file it stands in."""
        return self.id.partition("::")[0]


class _Watch:
    """Plugin: gives every test a context of its own, and notes the seconds of those that pass."""

    def __init__(self, measured: coverage.Coverage) -> None:
        self._measured = measured
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._measured.switch_context(item.nodeid)
        result = yield
        self._measured.switch_context("")
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if not report.passed:
            self.failed.add(report.nodeid)


def _measure(copies: Sequence[Path], test_file: str, files: Sequence[str], out: Path, slot: int) -> int:
    """In a fork: run one test file, write which of its tests ran which lines of `files`."""
    root = copies[slot]
    measured = coverage.Coverage(data_file=None, include=[str(root / file) for file in files], config_file=False)
    measured.start()
    watch = _Watch(measured)
    status = forks.session(root, [test_file], watch)
    measured.stop()
    data = measured.get_data()
    lines = {}
    for file in files:
        ran = data.contexts_by_lineno(str(root / file))
        lines[file] = {line: kept for line, tests in ran.items() if (kept := [t for t in tests if t])}
    found = {
        "status": status,
        "seconds": {test: spent for test, spent in watch.seconds.items() if test not in watch.failed},
        "left_out": sorted(watch.failed),
        "lines": lines,
    }
    out.with_suffix(".part").write_text(json.dumps(found), encoding="utf-8")
    out.with_suffix(".part").rename(out)
    return 0


class Coverers:
    """The tests that run each line.

    Args:
        kept: the measurements, one JSON file for every test file.
    """

    def __init__(self, kept: Sequence[Path]) -> None:
        self.tests: dict[str, Test] = {}
        self.left_out: list[str] = []
        self._lines: dict[str, dict[int, set[str]]] = {}
        for path in kept:
            found = json.loads(path.read_text(encoding="utf-8"))
            self.left_out += found["left_out"]
            self.tests |= {test: Test(test, seconds) for test, seconds in found["seconds"].items()}
            for file, lines in found["lines"].items():
                mine = self._lines.setdefault(file, {})
                for line, tests in lines.items():
                    mine.setdefault(int(line), set()).update(t for t in tests if t in self.tests)

    def of(self, mutant: Mutant) -> list[Test]:
        """Every test that runs the changed statement; those that run its function where no line of it is known to be run."""
        for first, last in (mutant.lines, (mutant.body[0] + 1, mutant.body[1])):
            lines = self._lines.get(mutant.file, {})
            names = set().union(*(lines.get(line, set()) for line in range(first, last + 1)))
            if names:
                return [self.tests[name] for name in sorted(names)]
        return []

    def plan(self, mutant: Mutant) -> tuple[list[Test], list[Test]]:
        """The tests to run, fastest first and `MOST` seconds in all: those beside the mutated file, then the others.

        Beside it are the test files that bear its name and those in the folder of its package. Of the others every test file
        gives its fastest test, then its second, and so on.
        """
        place = PurePosixPath(mutant.file)
        covering = sorted(self.of(mutant), key=lambda test: test.seconds)
        ranks: dict[str, int] = {}
        order = []
        for test in covering:
            ranks[test.file] = ranks.get(test.file, -1) + 1
            order.append((not _beside(place, test.file), ranks[test.file], test.seconds, test.id, test))
        near: list[Test] = []
        far: list[Test] = []
        spent = 0.0
        for away, _, seconds, _, test in sorted(order):
            if spent + seconds <= MOST or not near + far:
                spent += seconds
                (far if away else near).append(test)
        return near, far


def _beside(place: PurePosixPath, test_file: str) -> bool:
    test = PurePosixPath(test_file)
    named = test.stem.startswith(f"test_{place.stem}")
    return named or (place.parent.name != "epsball" and test.parent.name == place.parent.name)


def measure(copies: Sequence[Path], tests: Sequence[str], files: Sequence[str], kept: dict[str, Path]) -> Coverers:
    """Measure the test files that are not kept yet.

    Args:
        copies: copies of the tree, one for each process that may run at once.
        tests: the test files.
        files: the files that are mutated.
        kept: where each test file's measurement is kept.
    """
    missing = [test for test in tests if not kept[test].exists()]
    jobs = [partial(_measure, copies, test, files, kept[test]) for test in missing]
    for job, status, seconds in forks.run(jobs, len(copies), _LIMIT):
        print(f"measured {missing[job]} in {seconds:.0f} s", flush=True)
        if status != 0:
            raise RuntimeError(f"{missing[job]} could not be measured (exit status {status}); run it with pytest alone")
    found = Coverers([kept[test] for test in tests])
    if found.left_out:
        print(f"{len(found.left_out)} tests fail on the unchanged tree and are left out: {', '.join(found.left_out)}")
    return found
