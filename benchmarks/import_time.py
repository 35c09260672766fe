"""What `import epsball` adds to `import torch`: medians over fresh processes, turn about."""

from __future__ import annotations

import statistics
import subprocess
import sys
from functools import partial

from harness import Line, publish, race, read_options

WANTED = "<= 0.5"


def seconds_to(statement: str) -> float:
    """Seconds that a statement takes in a fresh process, its start not counted."""
    program = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    return float(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)


def note(statement: str, seconds: list[float]) -> None:
    """Add one measurement to the list."""
    seconds.append(seconds_to(statement))


def main() -> None:
    """Import in turn, `--rounds` times each, after one round that fills the file cache."""
    options = read_options(__doc__)
    taken: dict[str, list[float]] = {"import torch": [], "import epsball": []}
    race({statement: partial(note, statement, taken[statement]) for statement in taken}, options.rounds)
    medians = {statement: statistics.median(values[1:]) for statement, values in taken.items()}
    added = medians["import epsball"] - medians["import torch"]
    both = " - ".join(f"{medians[s]:.2f} s for `{s}`" for s in ("import epsball", "import torch"))
    line = Line("-", "import torch", "seconds added", added, WANTED, both)
    publish("import_time", options, [line], seconds=taken)


if __name__ == "__main__":
    main()
