"""Everything that needs a card, in one run of at most six minutes: the contract, rows, training, memory and speed.

Needs PyTorch with CUDA, NumPy and this package on the path; nothing else, no data and no network. Where there is no card it says so
and ends. Every section runs in a process of its own, so that one that fails, hangs or breaks the card's context leaves the others be.
`--device cpu --small` tries the script on a processor.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

try:
    import torch
except ImportError:
    print(
        f"{sys.executable} has no PyTorch, so that nothing was checked; name an interpreter that has: make gpu PYTHON=…"
    )
    sys.exit(0)

from gpu_bench import Bench
from gpu_contract import contract
from gpu_rows import bfloat16, memory, rows
from gpu_runs import runs
from gpu_speed import floor, suites
from harness import machine, versions

if TYPE_CHECKING:
    from collections.abc import Callable

SECTIONS: dict[str, tuple[Callable[[Bench], None], float]] = {
    "contract": (contract, 80),
    "rows": (rows, 50),
    "runs": (runs, 45),
    "memory": (memory, 20),
    "bfloat16": (bfloat16, 25),
    "floor": (floor, 65),
    "suites": (suites, 60),
}
"""What is checked, and the seconds that each may take, the start of its process included; what one saves the next may use."""
GRACE = 10
"""Seconds after which a section that does not end by itself is ended."""


def main() -> int:
    """Run the sections; 1 if one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, or cpu to try the script")
    parser.add_argument("--small", action="store_true", help="sizes for a trial on a processor")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "gpu.json")
    parser.add_argument("--only", nargs="+", choices=list(SECTIONS), default=list(SECTIONS))
    parser.add_argument("--section", choices=list(SECTIONS), help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=0.0, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    device = torch.device(chosen.device)
    device = torch.device("cuda", 0) if device == torch.device("cuda") else device
    if device.type == "cuda" and not torch.cuda.is_available():
        print("PyTorch sees no CUDA device here, so that nothing was checked.")
        return 0
    if chosen.section:
        bench = Bench(device, chosen.small, chosen.out, chosen.seconds)
        with bench.case(chosen.section):
            SECTIONS[chosen.section][0](bench)
        return 0
    results = run_all(chosen)
    result = {
        "benchmark": "gpu",
        "command": " ".join(["python", "benchmarks/gpu.py", *sys.argv[1:]]),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": machine(torch.get_num_threads()) | card(device),
        "versions": versions(),
        "passed": all(section["passed"] for section in results.values()),
        "sections": results,
    }
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"{'all sections passed' if result['passed'] else 'FAILED'}; {chosen.out}")
    return int(not result["passed"])


def run_all(chosen: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """One process a section."""
    started, allowed = time.perf_counter(), 0.0
    results = {}
    for name in chosen.only:
        allowed += SECTIONS[name][1]
        seconds = allowed - (time.perf_counter() - started)
        results[name] = section(name, seconds, chosen)
        told(name, results[name])
    return results


def section(name: str, seconds: float, chosen: argparse.Namespace) -> dict[str, Any]:
    """What one section recorded, also where its process died or had to be ended."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.json"
        command = [sys.executable, __file__, "--section", name, "--device", chosen.device, "--out", str(path)]
        command += ["--seconds", str(max(seconds - GRACE, 1)), *(["--small"] if chosen.small else [])]
        died = ""
        try:
            code = subprocess.run(command, check=False, timeout=max(seconds, 2 * GRACE)).returncode
            died = f"its process ended with exit code {code}" if code else ""
        except subprocess.TimeoutExpired:
            died = f"it did not end within {seconds:.0f} seconds"
        nothing: dict[str, Any] = {"passed": True, "checks passed": {}, "failures": [], "left out": [], "figures": {}}
        result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else nothing
    if died:
        result["passed"] = False
        result["failures"].append({"case": name, "check": "the section ends", "note": died})
    return result


def told(name: str, result: dict[str, Any]) -> None:
    """Print a section's checks and figures."""
    count = sum(result["checks passed"].values())
    verdict = "passed" if result["passed"] else "FAILED"
    print(
        f"== {name}: {verdict}, {count} checks held, {len(result['failures'])} did not, {result.get('seconds', '?')} s"
    )
    for failure in result["failures"]:
        print(f"   {failure['case']} | {failure['check']} | {failure['note'].strip().splitlines()[-1:]}")
    for left_out in result["left out"]:
        print(f"   left out: {left_out}")
    for title, figure in result["figures"].items():
        print(f"   {title}: {json.dumps(figure, ensure_ascii=False)[:400]}")
    sys.stdout.flush()


def card(device: torch.device) -> dict[str, str]:
    """The card and its software."""
    if device.type != "cuda":
        return {"card": "none"}
    properties = torch.cuda.get_device_properties(device)
    memory_ = f"{properties.total_memory / 2**30:.0f} GiB"
    return {
        "card": properties.name,
        "memory": memory_,
        "cuda": str(torch.version.cuda),
        "cudnn": str(torch.backends.cudnn.version()),  # type: ignore[no-untyped-call] # PyTorch leaves it untyped
    }


if __name__ == "__main__":
    sys.exit(main())
