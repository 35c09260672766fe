"""One tree's side of `speed.py`: a process that is told over stdin which case to run, and answers with its seconds over stdout."""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from pathlib import Path

import torch

import epsball as eb
from trees import load

NEAR = 1e-3
"""So small a budget that hardly a row is fooled and all are asked at all steps."""
CASES: dict[str, tuple[eb.Attack, eb.Threat]] = {
    "PGD-40": (eb.PGD(steps=40), eb.Threat(eb.linf, NEAR)),
    "DeepFool": (eb.DeepFool(), eb.Threat(eb.l2)),
}


def main() -> None:
    """Answer each line {"network": …, "case": …} with {"seconds": …, "queries": …}, to the end of the input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree", type=Path, help="the library must come from here")
    parser.add_argument("folder", type=Path, help="with weights and images")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--networks", nargs="+", required=True)
    chosen = parser.parse_args()
    if not Path(str(eb.__file__)).resolve().is_relative_to(chosen.tree):
        raise SystemExit(f"epsball was imported from {eb.__file__}, expected it below {chosen.tree}")
    torch.set_num_threads(chosen.threads)
    networks = {name: load(name, chosen.folder) for name in chosen.networks}
    models = {name: eb.wrap(net) for name, (net, _, _) in networks.items()}
    for line in sys.stdin:
        wanted = json.loads(line)
        attack, threat = CASES[wanted["case"]]
        model, (_, x, y) = models[wanted["network"]], networks[wanted["network"]]
        gc.collect()
        gc.disable()
        started = time.perf_counter()
        found = attack(model, x, y, threat, seed=0)
        seconds = time.perf_counter() - started
        gc.enable()
        print(json.dumps({"seconds": seconds, "queries": int(found.queries.sum())}), flush=True)


if __name__ == "__main__":
    main()
