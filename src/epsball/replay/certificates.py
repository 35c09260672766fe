"""Radii that a record states, proved again by certifiers that the verifier names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.certification.base import radii
from epsball.record.evaluation import CERTIFICATE_COLUMNS
from epsball.record.files import read_table
from epsball.record.manifest import certificate_stages, chunk_files
from epsball.verification import independent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from epsball.certification.base import Certifier
    from epsball.replay.opened import Opened


def other_radii(run: Opened, certifiers: Mapping[str, Certifier], notes: list[str]) -> Iterator[str]:
    """A sentence for every chunk that states a larger radius than its certifier proves now.

    Args:
        run: the record.
        certifiers: by name; nothing that only the record names is imported.
        notes: where those are added that nobody named.
    """
    plan = run.plan
    for name, stage in zip(plan.certifiers, certificate_stages(plan), strict=True):
        if name not in certifiers:
            notes.append(
                f"the radii of {name} were not derived again, only that no error lies within them; name it, certifiers="
            )
            continue
        for file in chunk_files(run.manifest, stage):
            stated = read_table(run.path / file, CERTIFICATE_COLUMNS, len(run.samples))
            x, y, _ = run.samples.rows(run.places(stated["id"]))
            proved = radii(name, certifiers[name], run.samples.model, x, y, run.threat)
            larger = stated["lower"] > proved * (1 + independent.SAME)
            if larger.any():
                row = int(larger.argmax())
                yield (
                    f"{file}, sample {stated['id'][row]}: the radius is said to be {stated['lower'][row]:g}, and {name} proves "
                    f"{proved[row]:g}"
                )
