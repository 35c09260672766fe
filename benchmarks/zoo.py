"""The judge of the checks: broken and honest models, each evaluated as a user would, over seeds and numbers of samples.

Every broken model must be found by its own check (`zoo_models.py` says which), as a FAIL, or as a WARN where the check is one; no
honest one may have a FAIL. Networks are trained here, one set a seed, and samples are drawn by the seed. What is true at most is what
the twin's gradient leaves when a model is attacked from outside (BPDA, Athalye et al. 2018, arXiv:1802.00420).

python benchmarks/zoo.py [--suite quick] [--thorough] [--seeds 1 2 3] [--sizes 50 200 1000] [--only NAME ...]

What is finished is written down at once, and is not evaluated again as long as the library and the zoo are the same.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import epsball as eb
import zoo_answers  # noqa: F401 (registers its models)
import zoo_defences  # noqa: F401 (registers its models)
import zoo_detectors  # noqa: F401 (registers its models)
import zoo_gradients  # noqa: F401 (registers its models)
from epsball.errors import InputError, ModelError
from lying_gradients import climb, left
from zoo_honest import HONEST
from zoo_models import BROKEN, REFUSED, Specimen
from zoo_networks import EPS, Stock
from zoo_table import page, wrong

if TYPE_CHECKING:
    from lying_models import Net

HERE = Path(__file__).parent
CACHE = HERE.parent / ".cache" / "zoo"
SPECIMENS = {one.name: one for one in (*HONEST, *BROKEN)}
BESIDE = ("lying_models.py", "lying_gradients.py", "suite_networks.py")
OUTSIDE = 200
"""Samples of which the outside attack says what is true at most."""
AGAIN = 5
"""Passes in which a point from outside must be an error, so that a lucky draw is none."""


@cache
def stock(seed: int) -> Stock:
    """The networks of a seed, once a process."""
    return Stock(seed)


@cache
def built(name: str, seed: int) -> tuple[Net, Net]:
    """A model with the networks of a seed, and its twin."""
    return SPECIMENS[name].build(stock(seed))


def evaluated(name: str, seed: int, n: int, suite: str, *, thorough: bool) -> dict[str, Any]:
    """One model with the networks of one seed, evaluated on n samples."""
    torch.set_num_threads(1)
    specimen = SPECIMENS[name]
    net, twin = built(name, seed)
    x, y = (each[:n] for each in stock(seed).test(specimen.data))
    torch.manual_seed(seed)  # a random model draws from it
    begun = time.perf_counter()
    said = judged(specimen, net, (x, y), suite, seed, thorough=thorough)
    seconds = round(time.perf_counter() - begun, 2)
    true = outside(specimen, net, twin, x, y) if n == OUTSIDE else None
    return {"name": name, "seed": seed, "n": n, **said, "true": true, "seconds": seconds}


def judged(
    specimen: Specimen, net: Net, data: tuple[torch.Tensor, torch.Tensor], suite: str, seed: int, *, thorough: bool
) -> dict[str, Any]:
    """What an evaluation says."""
    more: dict[str, Any] = {"thorough": True} if thorough else {}
    try:
        run = eb.evaluate(
            eb.wrap(net, outputs=specimen.outputs),
            data,
            eb.Threat("linf", EPS),
            suite,
            seed=seed,
            progress=lambda *_: None,
            **more,
        )
    except (InputError, ModelError) as error:
        return {"found": {REFUSED: "FAIL"}, "said": str(error)}
    found: dict[str, str] = {}
    for finding in run.findings:
        found[finding.id] = min(found.get(finding.id, "INFO"), finding.severity, key=("FAIL", "WARN", "INFO").index)
    return {
        "found": {key: severity for key, severity in found.items() if severity != "INFO"},
        "said": "; ".join(f"{f.id} {f.evidence}" for f in run.findings if f.severity == "FAIL"),
        "clean": run.clean_accuracy,
        "robust": run.robust_accuracy(),
        "trusted": run.trusted,
    }


def outside(specimen: Specimen, net: Net, twin: Net, x: torch.Tensor, y: torch.Tensor) -> float | None:
    """The accuracy that is left by the twin's adversarial images and by BPDA; None where the classes are not of that form."""
    if specimen.outputs in {"binary", "reject"}:
        return None
    right = left(net, x, y).double()
    for points, _ in (climb(twin, twin, x, y, 40, 2), climb(net, twin, x, y, 40, 4)):
        held = torch.stack([left(net, points, y) for _ in range(AGAIN)]).double().mean(0)
        right = torch.minimum(right, held)
    return float(right.mean())


def everything(given: argparse.Namespace, log: Path) -> list[dict[str, Any]]:
    """All lines wanted, those that the log already holds among them."""
    names = given.only or list(SPECIMENS)
    sizes = sorted(given.sizes)
    held = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []
    known = {(line["name"], line["seed"], line["n"]): line for line in held}
    wanted = [(name, seed, n) for n in sizes for seed in given.seeds for name in names]
    todo = [key for key in wanted if key not in known]
    with (
        log.open("a", encoding="utf-8") as file,
        ProcessPoolExecutor(given.processes, multiprocessing.get_context("spawn")) as pool,
    ):
        running = [pool.submit(evaluated, *key, given.suite, thorough=given.thorough) for key in todo]
        for done in as_completed(running):
            line = done.result()
            file.write(json.dumps(line) + "\n")
            file.flush()
            known[line["name"], line["seed"], line["n"]] = line
            print(
                f"{line['name']}, seed {line['seed']}, n = {line['n']}: {line['found']}, {line['seconds']} s",
                flush=True,
            )
    wanted = [(name, seed, n) for name in names for seed in given.seeds for n in sizes]
    return [known[key] for key in wanted]


def digest() -> str:
    """Name all files that decide what a line says by what is in them."""
    paths = [*Path(eb.__file__).parent.rglob("*.py"), *(HERE / name for name in BESIDE), *HERE.glob("zoo*.py")]
    whole = hashlib.sha256(torch.__version__.encode())
    for path in sorted(path for path in paths if path.name != "zoo_table.py"):
        whole.update(path.read_bytes())
    return whole.hexdigest()[:12]


def main() -> int:
    """Evaluate all, write the table; 1 where a broken model was missed or an honest one accused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", default="quick")
    parser.add_argument("--thorough", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 200, 1000])
    parser.add_argument("--only", nargs="+", choices=list(SPECIMENS), metavar="NAME")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--log", type=Path, default=CACHE, help="folder of finished evaluations, from which a run goes on"
    )
    parser.add_argument("--out", type=Path, default=HERE / "results")
    given = parser.parse_args()
    given.log.mkdir(parents=True, exist_ok=True)
    kind = f"{given.suite}{'-thorough' * given.thorough}"
    lines = everything(given, given.log / f"{kind}-{digest()}.jsonl")
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "zoo.json").write_text(json.dumps(lines, indent=1) + "\n", encoding="utf-8")
    (given.out / "zoo.md").write_text("\n".join(page(SPECIMENS, lines, kind)) + "\n", encoding="utf-8")
    amiss = wrong(SPECIMENS, lines)
    print("\n".join(amiss), file=sys.stderr)
    return int(bool(amiss))


if __name__ == "__main__":
    sys.exit(main())
