"""Is a forgotten normalisation found, and a right one left alone? Five networks, each trained behind another normalisation.

EPSBALL_DATA=FOLDER python benchmarks/normalisation.py [--rows 1000]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

import epsball as eb
from epsball.diagnostics.forgotten_normalisation import USUAL, Normalisation, forgotten_normalisation
from epsball.diagnostics.probe import Preflight
from epsball.models.forward import logits_of
from harness import Line, publish, read_options

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.record import Finding

IMAGES, EPOCHS, BATCH = 16_384, 3, 64
SOURCES = (
    ("cifar10", "ImageNet's"), ("cifar10", "CIFAR-10's"), ("cifar10", "from -1 to 1"), ("cifar10", "from 0 to 255"),
    ("mnist", "MNIST's"),
)  # fmt: skip

HEAD = """# A forgotten normalisation

Written by `EPSBALL_DATA=FOLDER python benchmarks/normalisation.py`. Small convolutional networks with batch normalisation, {images:,}
training images, {epochs} epochs, each behind the normalisation named; clean accuracy on {rows:,} test images without and with it, and
what check D52 says of the first 200 of them.

| data | trained with | forgotten, clean | found | says | right, clean | false alarm |
| --- | --- | ---: | --- | --- | ---: | --- |"""


def main() -> None:
    """Train, measure and write the table."""
    options = read_options(__doc__)
    lines, table = [], [HEAD.format(images=IMAGES, epochs=EPOCHS, rows=options.rows)]
    for place, (data, name) in enumerate(SOURCES):
        usual = next(each for each in USUAL if each.name == name)
        net = trained(data, usual, place)
        x, y = eb.load_data(data, n=options.rows)
        forgotten, lost = said(eb.wrap(net), x, y)
        right, kept = said(eb.wrap(net, usual.mean, usual.std), x, y)
        evidence = lost[0].evidence.partition(" would be ")[2] if lost else ""
        found, alarm = "yes" if lost else "**no**", "**yes**" if kept else "no"
        table.append(f"| {data} | {name} | {forgotten:.1%} | {found} | {evidence} | {right:.1%} | {alarm} |")
        print(table[-1], flush=True)
        lines.append(Line(data, name, "forgotten one found", float(bool(lost)), ">= 1"))
        lines.append(Line(data, name, "false alarm on the right one", float(bool(kept)), "<= 0"))
    publish("normalisation", options, lines, quiet=True)
    (options.out / "normalisation.md").write_text("\n".join(table) + "\n", encoding="utf-8")


def said(model: eb.Model, x: Tensor, y: Tensor) -> tuple[float, list[Finding]]:
    """Clean accuracy, and the findings of the check."""
    clean = logits_of(model, x, 100).argmax(1)
    return float((clean == y).float().mean()), forgotten_normalisation(
        Preflight(model, x, y, clean.numpy(), 10, batch_size=100)
    )


def trained(data: str, usual: Normalisation, seed: int) -> nn.Module:
    """A network that has learnt the data behind a normalisation."""
    x, y = eb.load_data(data, "train", n=IMAGES)
    torch.manual_seed(seed)
    parts: list[nn.Module] = []
    before = x.shape[1]
    for width in (24, 48, 96):
        parts += [nn.Conv2d(before, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
        before = width
    net = nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10))
    optimiser = torch.optim.AdamW(net.parameters(), 3e-3)
    mean, std = (torch.tensor(numbers)[:, None, None] for numbers in (usual.mean, usual.std))
    steps = EPOCHS * (len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, steps)
    for step in range(steps):
        if step % (len(x) // BATCH) == 0:
            order = torch.randperm(len(x))
        rows = order[(step * BATCH) % len(x) :][:BATCH]
        loss = nn.functional.cross_entropy(net((x[rows] - mean) / std), y[rows])
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
    return net.eval()


if __name__ == "__main__":
    main()
