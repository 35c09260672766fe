"""The suite `minimal` beside every single attack of a peer that looks for the nearest error: the median distance, in four norms.

A row that an attack does not fool counts as infinitely far. Each network and norm is written as soon as it is done.

EPSBALL_DATA=FOLDER python benchmarks/minimal.py [--rows 100] [--only mnist-pgd …] [--norms l2 …] [--again | --own]
"""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

import torch

import attack_rows_nearest
import epsball as eb
from epsball.geometry import NORMS
from harness import Line, add_options, options_of, publish
from judge import median, reached
from peer_calls import seeded
from subjects import Subject, correct
from suite_networks import COURSES

if TYPE_CHECKING:
    from collections.abc import Collection

    from peers import Peer

NETWORKS = ("mnist-standard", "mnist-pgd", "mnist-l2")
WANTED = 1.01

HEAD = """# `minimal` beside the peers' attacks

Written by `make bench ARGS=minimal`. Median distance over {rows} test images that the network gets right, by a fresh forward pass, in
float64; a row that is not fooled counts as infinitely far. Every attack of foolbox, torchattacks, ART, adv-lib, secml-torch and
pyautoattack that looks for the nearest error in this norm and takes all rows at once, with the settings in attack_rows_nearest.py.

| network | norm | minimal | seconds | best single peer | its median | ratio | the others |
| --- | --- | ---: | ---: | --- | ---: | ---: | --- |"""


def main() -> None:
    """Run what is named, or all that has no result yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.set_defaults(rows=100, threads=1)
    parser.add_argument("--only", nargs="+", default=list(NETWORKS), choices=NETWORKS)
    parser.add_argument("--norms", nargs="+", default=list(NORMS), choices=list(NORMS))
    anew = parser.add_mutually_exclusive_group()
    anew.add_argument("--again", action="store_true", help="those that have a result too")
    anew.add_argument(
        "--own", action="store_true", help="of those that have one, the suite, and the peers without a result"
    )
    given = parser.parse_args()
    options = options_of(vars(given))
    path = options.out / "minimal.json"
    done: dict[str, Any] = json.loads(path.read_text())["details"]["results"] if path.exists() else {}
    for name in given.only:
        rows = subject(name, options.rows)
        for norm in given.norms:
            key = f"{name} {norm}"
            if key in done and given.own:
                known = done[key]["peers"]
                done[key] = {"own": suite(rows, norm), "peers": known | peers(rows, norm, known)}
            elif key not in done or given.again:
                done[key] = {"own": suite(rows, norm), "peers": peers(rows, norm, {})}
            else:
                continue
            print(line(key, done[key]), flush=True)
            lines = [measured(key, found) for key, found in done.items()]
            publish("minimal", options, lines, quiet=True, results=done)
            table = [HEAD.format(rows=options.rows), *(line(key, found) for key, found in done.items())]
            (options.out / "minimal.md").write_text("\n".join(table) + "\n", encoding="utf-8")


def subject(name: str, rows: int) -> Subject:
    """A network of the suites' benchmark, and the first test images that it gets right."""
    model = COURSES[name].learn(name)
    if model.module is None:
        raise TypeError(f"{name} is no module")
    x, y = eb.load_data(COURSES[name].data, split="test", n=4 * rows)
    right = correct(model.module, x, y)
    return Subject(name, model.module, model, x[right][:rows], y[right][:rows], {"data": COURSES[name].data})


def suite(rows: Subject, norm: str) -> dict[str, Any]:
    """The median distance and the seconds of the suite."""
    started = time.process_time()
    run = eb.evaluate(rows.model, (rows.x, rows.y), eb.Threat(NORMS[norm]), suite="minimal", progress=lambda *_: None)
    return {"median": median(torch.from_numpy(run.upper.copy())), "seconds": time.process_time() - started}


def peers(rows: Subject, norm: str, known: Collection[str]) -> dict[str, Any]:
    """Those of every peer that has none yet, by contest and library."""
    return {name: peer(call, rows, norm) for name, call in contestants(norm).items() if name not in known}


def contestants(norm: str) -> dict[str, Peer]:
    """The peers' attacks on all rows at once, by contest and library."""
    groups = attack_rows_nearest.deepfools, attack_rows_nearest.carlini_wagner, attack_rows_nearest.fast
    contests = [contest for group in groups for contest in group() if contest.norm == norm]
    return {
        f"{contest.key.replace(f' {norm}', '')}, {library}": call
        for contest in contests
        for library, call in contest.peers.items()
    }


def peer(call: Peer, rows: Subject, norm: str) -> dict[str, Any]:
    """What a peer's attack reaches, or what it raised."""
    started = time.process_time()
    try:
        x = seeded(call)(rows.net, rows.x, rows.y)
    except Exception as error:  # noqa: BLE001 (a peer may raise anything, and the table says so)
        return {"failed": f"{type(error).__name__}: {error}"[:100]}
    return {
        "median": median(reached(rows.net, rows.x, rows.y, x, NORMS[norm])),
        "seconds": time.process_time() - started,
    }


def best(found: dict[str, Any]) -> tuple[str, float]:
    """The peer's attack of the least median."""
    medians = {name: each["median"] for name, each in found["peers"].items() if "median" in each}
    name = min(medians, key=lambda each: medians[each])
    return name, medians[name]


def line(key: str, found: dict[str, Any]) -> str:
    """A row of the table."""
    name, least = best(found)
    ratio = found["own"]["median"] / least
    others = "; ".join(
        f"{other} {each['median']:.4g}" if "median" in each else f"{other}: {each['failed']}"
        for other, each in found["peers"].items()
        if other != name
    )
    shown = f"{ratio:.3f}" if ratio <= WANTED else f"**{ratio:.3f}**"
    network, norm = key.split()
    own = f"{found['own']['median']:.4g} | {found['own']['seconds']:.0f}"
    return f"| {network} | {norm} | {own} | {name} | {least:.4g} | {shown} | {others} |"


def measured(key: str, found: dict[str, Any]) -> Line:
    """A line of the common table."""
    name, least = best(found)
    network, norm = key.split()
    return Line(network, name, f"median distance, {norm}", found["own"]["median"] / least, f"<= {WANTED}")


if __name__ == "__main__":
    main()
