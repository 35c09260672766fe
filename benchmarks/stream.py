"""A set larger than memory: 10,000 photographs of 3 × 224 × 224 evaluated, read, reported, verified and exported, a process each.

The photographs are those of `imagenet-sample` over and over, in one Parquet file; labels are what the network says of them, so that
no photograph is spared. What is measured is the peak of resident memory, PyTorch included.

EPSBALL_DATA=FOLDER python benchmarks/stream.py [--photographs 10000] [--scratch FOLDER]
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from harness import Line, add_options, options_of, publish

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

SIDE = 224
WANTED = 2.0
EPS = 2 / 255
ROW_GROUP = 100

HEAD = """# A set larger than memory

Written by `EPSBALL_DATA=FOLDER python benchmarks/stream.py`: {photographs:,} photographs as JPEG in one Parquet file, of which all
together take {gib:.1f} GiB as inputs; a convolutional network, FGSM and a PGD of 3 steps at 2/255 in l∞, results written to a run
folder. Peak of resident memory of each process, PyTorch included; {threads} thread.

| what | peak memory, GiB | wanted | seconds |
| --- | ---: | ---: | ---: |"""


def main() -> None:
    """Measure every step, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.set_defaults(threads=1)
    parser.add_argument("--photographs", type=int, default=10_000)
    parser.add_argument("--scratch", type=Path, help="where 12 GiB can be written meanwhile")
    parser.add_argument("--step", choices=list(STEPS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        STEPS[given.step](given.scratch, given.photographs)
        return
    options = options_of(vars(given))
    lines, rows = (
        [],
        [HEAD.format(photographs=given.photographs, gib=given.photographs * 3 * SIDE**2 * 4 / 2**30, threads=1)],
    )
    with tempfile.TemporaryDirectory(dir=given.scratch) as scratch:
        for step in STEPS:
            seconds, gib = measured(step, Path(scratch), given.photographs)
            if step != "prepare":
                lines.append(Line("3 convolutions", "memory, GiB", f"{step}, peak", gib, f"<= {WANTED:g}"))
                rows.append(f"| {step} | {gib:.2f} | ≤ {WANTED:g} | {seconds:.0f} |")
            print(f"{step}: {gib:.2f} GiB, {seconds:.0f} s", flush=True)
    publish("stream", options, lines, quiet=True, photographs=given.photographs)
    (options.out / "stream.md").write_text("\n".join(rows) + "\n", encoding="utf-8")


def measured(step: str, scratch: Path, photographs: int) -> tuple[float, float]:
    """Seconds and peak resident memory in GiB of one step in a fresh process."""
    started = time.perf_counter()
    command = [sys.executable, __file__, "--step", step, "--scratch", str(scratch), "--photographs", str(photographs)]
    said = subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    return time.perf_counter() - started, int(said.stdout.split()[-1]) / 2**20


def peak() -> None:
    """Say how much memory this process had at most, in KiB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


def prepare(scratch: Path, photographs: int) -> None:
    """Write the Parquet file, each photograph with the network's own label."""
    import torch  # noqa: PLC0415 (each step loads only what it needs, for its memory is measured)

    import epsball as eb  # noqa: PLC0415 (the same)

    source = Path(os.environ["EPSBALL_DATA"]) / "imagenet-sample" / "test.parquet"
    images = pq.read_table(source, columns=["image"])["image"].to_pylist()
    with torch.no_grad():
        net = network()
        data = eb.open_data(str(source), crop=SIDE)
        labels = [int(net(data[at][0][None]).argmax()) for at in range(len(data))]
    places = [place % len(images) for place in range(photographs)]
    table = pa.table({"image": [images[at]["bytes"] for at in places], "label": [labels[at] for at in places]})
    pq.write_table(table, scratch / "photographs.parquet", row_group_size=ROW_GROUP)
    peak()


def checked(samples: int, photographs: int) -> None:
    """Refuse a result about fewer photographs."""
    if samples != photographs:
        raise SystemExit(f"{samples} samples, expected {photographs}")


def network() -> nn.Module:
    """A small convolutional network with initial weights from a fixed seed."""
    import torch  # noqa: PLC0415 (as above)
    from torch import nn  # noqa: PLC0415 (as above)

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 16, 7, 4), nn.ReLU(), nn.Conv2d(16, 32, 3, 2), nn.ReLU(), nn.Conv2d(32, 32, 3, 2), nn.ReLU(),
            nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(512, 10),
        ).eval()  # fmt: skip


def evaluate(scratch: Path, photographs: int) -> None:
    """Evaluate all photographs into a run folder."""
    import epsball as eb  # noqa: PLC0415 (as above)

    data = eb.open_data(str(scratch / "photographs.parquet"), crop=SIDE)
    suite = [eb.FGSM(), eb.PGD(steps=3)]
    run = eb.evaluate(network(), data, eb.Threat("linf", EPS), suite=suite, out=scratch / "run", anyway=True)
    print(run)
    checked(len(run), photographs)
    peak()


def read(scratch: Path, photographs: int) -> None:
    """Read the result again."""
    import epsball as eb  # noqa: PLC0415 (as above)

    checked(len(eb.load_run(scratch / "run")), photographs)
    peak()


def report(scratch: Path, photographs: int) -> None:
    """Write the report."""
    from epsball.record import read_run  # noqa: PLC0415 (as above)
    from epsball.report.write import write_report  # noqa: PLC0415 (as above)

    del photographs
    write_report(read_run(scratch / "run"), scratch / "run")
    peak()


def verify(scratch: Path, photographs: int) -> None:
    """Check everything again."""
    from epsball.verification.verify import verify as check  # noqa: PLC0415 (as above)

    checked(check(scratch / "run", network()).samples, photographs)
    peak()


def export(scratch: Path, photographs: int) -> None:
    """Write the adversarial photographs as one archive."""
    exported(scratch, photographs, "npz")


def pictures(scratch: Path, photographs: int) -> None:
    """Write them as PNG, a file each."""
    exported(scratch, photographs, "png")


def exported(scratch: Path, photographs: int, images: Literal["npz", "png"]) -> None:
    """Write those that were found, and refuse a run in which most were not."""
    import epsball as eb  # noqa: PLC0415 (as above)

    done = eb.export(scratch / "run", scratch / images, images, network())
    if len(done) < photographs // 2:
        raise SystemExit(f"{len(done)} of {photographs} photographs have an adversarial example, too few to tell")
    shutil.rmtree(scratch / images)
    peak()


STEPS: dict[str, Callable[[Path, int], None]] = {
    "prepare": prepare, "evaluate": evaluate, "read": read, "report": report, "verify": verify,
    "export": export, "pictures": pictures,
}  # fmt: skip

if __name__ == "__main__":
    main()
