"""What every benchmark shares: interleaved timing, its options, and results as JSON and one Markdown table."""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import sys
import time
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timezone
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HERE = Path(__file__).parent
FOLDERS = ("--out", "--scratch")
"""Options of benchmarks that are folders."""
NETWORKS = ("lenet-mnist", "mlp-512", "resnet-20")
PACKAGES = (
    "epsball",
    "torch",
    "numpy",
    "foolbox",
    "eagerpy",
    "torchattacks",
    "adv-lib",
    "adversarial-robustness-toolbox",
)

T = TypeVar("T")


@dataclass(frozen=True)
class Options:
    """How large a run is; the same for every benchmark."""

    rows: int
    slow_rows: int
    rounds: int
    threads: int
    networks: tuple[str, ...]
    out: Path


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give a command line the options of `Options`."""
    parser.add_argument("--rows", type=int, default=512, help="test images, all classified correctly")
    parser.add_argument("--slow-rows", type=int, default=50, help="of them for peers that loop over single images")
    parser.add_argument("--rounds", type=int, default=5, help="how often each contestant runs")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=NETWORKS)
    parser.add_argument("--out", type=Path, default=HERE / "results")


def read_options(description: str | None) -> Options:
    """Read the command line of one benchmark and set the number of threads."""
    parser = argparse.ArgumentParser(description=description)
    add_options(parser)
    return options_of(vars(parser.parse_args()))


def options_of(values: dict[str, Any]) -> Options:
    """The options among the values of a command line; the number of threads is set."""
    known = {field.name: values[field.name] for field in fields(Options)}
    options = Options(**known | {"networks": tuple(values["networks"])})
    torch.set_num_threads(options.threads)
    return options


@dataclass(frozen=True)
class Race(Generic[T]):
    """Seconds of every contestant in every round, and what each returned last."""

    seconds: dict[str, list[float]]
    answers: dict[str, T]

    def ratio(self, slower: str, faster: str) -> float:
        """Median over the rounds of the ratio of the two times in that round."""
        pairs = zip(self.seconds[slower], self.seconds[faster], strict=True)
        return statistics.median(a / b for a, b in pairs)

    def median(self, name: str) -> float:
        """Median seconds of one contestant."""
        return statistics.median(self.seconds[name])


def race(contestants: dict[str, Callable[[], T]], rounds: int) -> Race[T]:
    """Run A B C, C B A, A B C …: each round in the other direction, after one round that is not counted."""
    answers = {name: run() for name, run in contestants.items()}
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds):
        for name in list(contestants) if turn % 2 == 0 else list(reversed(contestants)):
            gc.collect()
            gc.disable()
            started = time.perf_counter()
            answers[name] = contestants[name]()
            seconds[name].append(time.perf_counter() - started)
            gc.enable()
    return Race(seconds, answers)


def race_of_seconds(contestants: dict[str, Callable[[], float]], rounds: int) -> Race[float]:
    """The same for contestants that return their own seconds."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds + 1):
        for name in list(contestants) if turn % 2 == 0 else list(reversed(contestants)):
            gc.collect()
            gc.disable()
            seconds[name].append(contestants[name]())
            gc.enable()
    return Race({name: each[1:] for name, each in seconds.items()}, {name: each[-1] for name, each in seconds.items()})


@dataclass(frozen=True)
class Line:
    """One line of the table: what was compared with what, the figure, and the figure wanted."""

    network: str
    against: str
    measure: str
    value: float
    wanted: str = ""
    """A bound such as "<= 1.05", or nothing where the figure only informs."""
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the bound holds; None without a bound."""
        if not self.wanted:
            return None
        relation, bound = self.wanted.split()
        return self.value <= float(bound) if relation == "<=" else self.value >= float(bound)


def command(name: str) -> str:
    """The command line of a benchmark without the folders it was given, which say nothing of what was measured."""
    given = sys.argv[1:]
    for option in FOLDERS:
        if option in given:
            at = given.index(option)
            del given[at : at + 2]
        given = [word for word in given if not word.startswith(f"{option}=")]
    return " ".join(["python", f"benchmarks/{name}.py", *given])


def publish(name: str, options: Options, lines: Sequence[Line], *, quiet: bool = False, **details: Any) -> Path:
    """Write one benchmark's result, with the machine it ran on, and print its lines unless `quiet`."""
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"{name}.json"
    sizes = {k: v for k, v in asdict(options).items() if k != "out"}
    result = {
        "benchmark": name,
        "command": command(name),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": machine(options.threads),
        "versions": versions(),
        "options": sizes,
        "lines": [asdict(line) | {"met": line.met} for line in lines],
        "details": details,
    }
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for line in () if quiet else lines:
        verdict = {None: "", True: f"(wanted {line.wanted})", False: f"(WANTED {line.wanted})"}[line.met]
        print(f"{name:12} {line.network:12} {line.measure} | {line.against} = {line.value:.4g} {verdict} {line.note}")
    return path


def machine(threads: int) -> dict[str, str | int]:
    """The hardware and the system, as far as a ratio may depend on them."""
    processor = platform.processor() or platform.machine()
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        names = [
            row.partition(":")[2].strip() for row in listing.read_text().splitlines() if row.startswith("model name")
        ]
        processor = names[0] if names else processor
    return {
        "processor": processor,
        "cores": os.cpu_count() or 1,
        "threads": threads,
        "system": platform.system(),
    }


def versions() -> dict[str, str]:
    """Versions of Python and of every package that takes part."""
    installed = {str(d.metadata["Name"]).lower(): d.version for d in distributions()}
    return {"python": platform.python_version()} | {p: installed.get(p, "not installed") for p in PACKAGES}
