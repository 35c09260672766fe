"""Run benchmarks one after the other, each in a process of its own, and put their results into one table.

python benchmarks/run.py [NAME ...] [--rows N --rounds N ...]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from harness import HERE, add_options

if TYPE_CHECKING:
    from pathlib import Path

BENCHMARKS = (
    "import_time", "geometry", "tiles", "floor", "pgd", "deepfool", "autoattack", "speed", "attacks", "minimal", "suite",
    "adapters", "one_model", "thorough", "gate",
)  # fmt: skip
ON_DATA = ("normalisation", "stream")
"""These need the data sets in EPSBALL_DATA, and do not run without it unless they are named."""

HEAD = """# Results

Written by `make bench` (`benchmarks/run.py`); what is measured and how stands in [../README.md](../README.md).
A ratio is the median over the rounds of one run, in which the contestants take turns on the same rows and weights.
A figure in bold misses what was wanted.

| benchmark | network | measure | against | figure | wanted | note |
| --- | --- | --- | --- | ---: | ---: | --- |"""


def main() -> int:
    """Run the benchmarks named on the command line, all by default; 1 if one of them failed."""
    known = (*BENCHMARKS, *ON_DATA)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}; all that have their data when left out"
    )
    add_options(parser)
    before = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    before.add_argument("--against", default="HEAD~1", help="the commit that speed compares the working tree with")
    against, rest = before.parse_known_args()
    parser.epilog = before.format_help().partition("\n\n")[2]
    chosen = parser.parse_args(rest)
    unknown = [name for name in chosen.names if name not in known]
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(known)}")
    arguments = [argument for argument in rest if argument not in chosen.names]
    own = {"speed": ["--against", against.against]}
    default = known if "EPSBALL_DATA" in os.environ else BENCHMARKS
    failed = [name for name in chosen.names or default if not run(name, [*arguments, *own.get(name, [])])]
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "README.md").write_text(table(chosen.out), encoding="utf-8")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def run(name: str, arguments: list[str]) -> bool:
    """Whether one benchmark ran to its end, in a fresh process of this same interpreter."""
    done = subprocess.run([sys.executable, str(HERE / f"{name}.py"), *arguments], check=False)
    return done.returncode == 0


def table(folder: Path) -> str:
    """The Markdown page of every result that lies in the folder."""
    files = [folder / f"{name}.json" for name in (*BENCHMARKS, *ON_DATA)]
    results = [json.loads(file.read_text()) for file in files if file.exists()]
    rows = [row(result, line) for result in results for line in result["lines"]]
    return "\n".join([HEAD, *rows, "", "Each result's origin:", "", *map(origin, results), ""])


def origin(result: dict[str, Any]) -> str:
    """When, how, on what machine and with which versions one benchmark ran."""
    machine, packages = result["machine"], result["versions"].items()
    parts = [
        f"- `{result['benchmark']}`: {result['date']}, `{result['command']}`",
        f"{machine['processor']}, {machine['cores']} cores, {machine['threads']} threads, {machine['system']}",
        ", ".join(f"{package} {number}" for package, number in packages),
    ]
    return "; ".join(parts)


def row(result: dict[str, Any], line: dict[str, Any]) -> str:
    """One line of the table; a figure that misses its bound is set in bold."""
    figure = f"{line['value']:.3g}"
    figure = f"**{figure}**" if line["met"] is False else figure
    wanted = line["wanted"].replace("<=", "≤").replace(">=", "≥")
    cells = [result["benchmark"], line["network"], line["measure"], line["against"], figure, wanted, line["note"]]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
