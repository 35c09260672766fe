"""Are the rows of two trees the same? Six evaluations and a training run through both, compared column by column to the last bit.

Prints `identical` for each case, or the columns that changed, with how many rows differ and the largest difference. Ends with 1 where
something changed. The working tree is compared with `--against`, a commit or a folder.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trees import ROOT, command, described, environment, prepare, tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CASES = {
    "784-512-10, linf, quick": "mlp",
    "LeNet, l2, minimum norm": "lenet",
    "small network, l1, standard": "small",
    "ResNet, linf, ensembles": "tiny-resnet",
    "784-512-10, l0": "mlp",
    "small network, l2, resumed": "small",
    "training, one epoch": "small",
}
"""The cases of `same_worker.py` and the network of each."""
ROWS = 400


def main() -> int:
    """Run both trees at once, a thread each; 1 where a column changed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", required=True, help="a commit, or a folder with src/epsball")
    parser.add_argument("--old-python", default=sys.executable, help="the interpreter for it")
    parser.add_argument("--tree", type=Path, default=ROOT, help="the new tree; this one when left out")
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, tree(chosen.against) as old:
        folder = Path(temporary).resolve()
        for name in sorted({CASES[case] for case in chosen.cases}):
            prepare(name, folder, ROWS)
        sides = {"old": (old, chosen.old_python), "new": (chosen.tree.resolve(), sys.executable)}
        with contextlib.ExitStack() as running:
            processes = [
                running.enter_context(started(python, place, folder / f"{side}.npz", chosen.cases))
                for side, (place, python) in sides.items()
            ]
            codes = [process.wait() for process in processes]
        if any(codes):
            raise SystemExit(f"a tree could not be run: exit codes {dict(zip(sides, codes, strict=True))}")
        before, after = (read(folder / f"{side}.npz") for side in sides)
    print(f"{described(chosen.against)} and {chosen.tree}:")
    changed = 0
    for case in chosen.cases:
        differences = compared(of_case(before, case), of_case(after, case))
        changed += bool(differences)
        print(f"{case}: {'identical' if not differences else ''}")
        for difference in differences:
            print(f"  {difference}")
    print(f"{len(chosen.cases) - changed} of {len(chosen.cases)} cases are identical")
    return int(changed > 0)


def started(python: str, place: Path, out: Path, cases: Sequence[str]) -> subprocess.Popen[bytes]:
    """A process that runs the cases in the tree at `place`; weights and images lie beside `out`."""
    run = command("same_worker.py", str(place), str(out.parent), str(out), "--cases", *cases, python=python)
    return subprocess.Popen(run, env=environment(place, 1))


def read(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an archive."""
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


def of_case(found: dict[str, NDArray[Any]], case: str) -> dict[str, NDArray[Any]]:
    """The columns of one case."""
    return {name.removeprefix(f"{case}/"): values for name, values in found.items() if name.startswith(f"{case}/")}


def compared(old: dict[str, NDArray[Any]], new: dict[str, NDArray[Any]]) -> list[str]:
    """A sentence for every column that is not the same to the last bit; an error on either side is shown whole.

    Args:
        old: columns by name.
        new: the same of the other tree.
    """
    errors = [
        f"{side} failed:\n{columns['error'][0]}" for side, columns in (("old", old), ("new", new)) if "error" in columns
    ]
    if errors:
        return errors
    found = [f"{name}: missing in the new tree" for name in old if name not in new]
    found += [f"{name}: missing in the old tree" for name in new if name not in old]
    differences = ((name, difference(values, new[name])) for name, values in old.items() if name in new)
    found += [f"{name}: {said}" for name, said in differences if said]
    return found if old or new else ["neither tree gave a column"]


def difference(old: NDArray[Any], new: NDArray[Any]) -> str:
    """How two columns differ; empty where they are the same to the last bit."""
    if old.dtype != new.dtype and not (old.dtype.kind == new.dtype.kind == "U"):
        return f"was {old.dtype}, is {new.dtype}"
    if old.shape != new.shape:
        return f"was of shape {old.shape}, is {new.shape}"
    numbers = old.dtype.kind == "f"
    apart = ~((old == new) | (np.isnan(old) & np.isnan(new))) if numbers else old != new
    if numbers:
        apart |= np.signbit(old) != np.signbit(new)
    if not apart.any():
        return ""
    rows = apart.reshape(len(apart), -1).any(1) if apart.ndim else apart
    said = f"{int(rows.sum())} of {rows.size} rows differ"
    if old.dtype.kind not in "fiu":
        first = int(rows.argmax())
        return f"{said}, first {old[first]!s} and now {new[first]!s} in row {first}"
    with np.errstate(invalid="ignore"):
        largest = np.abs(new[apart].astype(np.float64) - old[apart].astype(np.float64)).max()
    return f"{said}, largest difference {largest:g}"


if __name__ == "__main__":
    sys.exit(main())
