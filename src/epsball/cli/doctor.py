"""``epsball doctor``: what is installed here, what it can compute on, and what is missing for what."""

import os
import platform
import re
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from packaging.requirements import Requirement

from epsball.cli.options import Json
from epsball.cli.output import print_result, table
from epsball.data import SOURCES
from epsball.data.fetch import cache_folder
from epsball.data.load import SPLITS, load_data
from epsball.errors import InputError

DEVELOPMENT = ("dev", "test")
"""Extras of those who work on epsball itself."""


def doctor(*, as_json: Json = False) -> None:
    """Show versions, devices, data and extras, and what to install for what is missing."""
    found: dict[str, Any] = {
        "epsball": metadata.version("epsball"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
        "processors": os.cpu_count(),
        "packages": packages(),
        "devices": devices(),
        "data": data_sets(),
        "extras": extras(),
    }
    shown = table(f"epsball {found['epsball']}", "", "found", "remedy", numeric=False)
    shown.add_row("Python", f"{found['python']}, {found['platform']}", "")
    shown.add_row("threads", f"{found['threads']} for {found['processors']} processors", "OMP_NUM_THREADS=N sets them")
    for row in found["devices"]:
        shown.add_row(f"device {row['name']}", f"{row['what']}; bfloat16: {'yes' if row['bfloat16'] else 'no'}", "")
    for kind in ("packages", "data", "extras"):
        for row in found[kind]:
            shown.add_row(row["name"], row["found"], row["remedy"])
    print_result(shown, found, as_json=as_json)


def packages() -> list[dict[str, Any]]:
    """One row per package that epsball always needs: its version here, the least it takes, and how to get it."""
    rows = []
    for requirement in requirements(""):
        version, fits = _installed(requirement)
        remedy = "" if fits else f'pip install "{requirement.name}{requirement.specifier}"'
        found = f"{version or 'missing'} (needs {requirement.specifier or 'any'})"
        rows.append({"name": requirement.name, "version": version, "found": found, "remedy": remedy})
    return rows


def extras() -> list[dict[str, Any]]:
    """One row per extra: which of its packages are missing or too old, and the line that installs them."""
    rows = []
    for extra in sorted(metadata.metadata("epsball").get_all("Provides-Extra") or []):
        missing = [each.name for each in requirements(extra) if not _installed(each)[1]]
        if extra not in DEVELOPMENT:
            found = f"missing: {', '.join(missing)}" if missing else "installed"
            remedy = f'pip install "epsball[{extra}]"' if missing else ""
            rows.append({"name": f"[{extra}]", "missing": missing, "found": found, "remedy": remedy})
    return rows


def requirements(extra: str) -> list[Requirement]:
    """What epsball needs on this machine for an extra; for itself if the extra is ""."""
    stated = [Requirement(line) for line in metadata.requires("epsball") or []]
    wanted = [each for each in stated if each.marker is None or each.marker.evaluate({"extra": extra})]
    return [each for each in wanted if bool(extra) == bool(re.search(r"\bextra\b", str(each.marker or "")))]


def _installed(requirement: Requirement) -> tuple[str | None, bool]:
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return None, False
    return version, requirement.specifier.contains(version, prereleases=True)


def devices() -> list[dict[str, Any]]:
    """One row per device that PyTorch sees, and whether it computes in bfloat16."""
    rows = [("cpu", f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}")]
    for number in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(number)
        rows.append((f"cuda:{number}", f"{facts.name}, {facts.total_memory / 2**30:.0f} GiB"))
    if torch.backends.mps.is_available():
        rows.append(("mps", "Apple GPU"))
    return [{"name": name, "what": what, "bfloat16": _computes_in_bfloat16(name)} for name, what in rows]


def _computes_in_bfloat16(device: str) -> bool:
    try:
        ones = torch.ones(2, 2, dtype=torch.bfloat16, device=device)
        return bool((ones @ ones == 2).all())  # noqa: PLR2004 (1 + 1)
    except RuntimeError:
        return False


def data_sets() -> list[dict[str, Any]]:
    """One row per named data set: where it lies, or how it comes."""
    return [{"name": name, **_place(name)} for name in SOURCES]


def _place(name: str) -> dict[str, str]:
    home, entry = os.environ.get("EPSBALL_DATA", ""), SOURCES[name]
    own = [Path(home, name, f"{split}.parquet") for split in SPLITS]
    here = [str(file) for file in own if home and file.is_file()]
    if here:
        return {"found": ", ".join(here), "remedy": ""}
    if entry.home == "embedded":
        try:
            load_data(name, n=1)
        except InputError as error:
            return {"found": "not here", "remedy": str(error)}
        return {"found": "embedded", "remedy": ""}
    cached = cache_folder() / name
    if cached.is_dir() and any(cached.iterdir()):
        return {"found": str(cached), "remedy": ""}
    public = entry.home == "public"
    remedy = f"place it at $EPSBALL_DATA/{name}/test.parquet{', or let it be fetched when it is first used' * public}"
    return {"found": "not here", "remedy": remedy}
