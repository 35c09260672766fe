"""The inputs and the adversarial examples of a run, one at a time: in its folder, or in memory."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from epsball.errors import InputError
from epsball.record.arrays import open_arrays
from epsball.record.files import damaged
from epsball.record.manifest import INPUTS, attack_stages, chunk_files, examples_name, read_manifest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from epsball.record.arrays import StoredArray
    from epsball.record.manifest import Manifest

    Place = tuple[StoredArray, int]
    """A file, and a row in it."""


class StoredImages:
    """Those of a run folder: a file is opened for the row that is wanted, and nothing else of it is read.

    Args:
        path: of the folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def original(self, sample: int) -> NDArray[Any]:
        """As in `examples.Images`."""
        return self._row(self._inputs, sample)

    def adversarial(self, sample: int, attack: str) -> NDArray[Any]:
        """As in `examples.Images`."""
        return self._row(self._examples[attack], sample)

    @cached_property
    def _inputs(self) -> dict[int, Place]:
        return self._places(INPUTS)

    @cached_property
    def _examples(self) -> dict[str, dict[int, Place]]:
        return {
            attack: {
                sample: place
                for file in chunk_files(self._manifest, stage)
                for sample, place in self._places(examples_name(file)).items()
            }
            for attack, stage in attack_stages(self._manifest.plan).items()
        }

    @cached_property
    def _manifest(self) -> Manifest:
        return read_manifest(self._path)

    def _places(self, name: str) -> dict[int, Place]:
        x, (ids,) = open_arrays(self._path / name, "ids")
        if x.shape != (len(ids), *self._manifest.plan.data.shape):
            raise damaged(x.path, "epsball", x.path.stat().st_size)
        return {sample: (x, row) for row, sample in enumerate(ids.tolist())}

    def _row(self, places: Mapping[int, Place], sample: int) -> NDArray[Any]:
        if sample not in places:
            raise InputError(f"{self._path} is damaged: it holds no image of sample {sample}, which its tables name")
        x, row = places[sample]
        found: NDArray[Any] = x[row : row + 1][0]
        return found


class KeptImages:
    """Those of a run in memory: for every sample that was fooled, the clean input and its nearest adversarial example.

    Args:
        pairs: original and adversarial image by the sample's id.
    """

    def __init__(self, pairs: Mapping[int, tuple[NDArray[Any], NDArray[Any]]]) -> None:
        self._pairs = pairs

    def original(self, sample: int) -> NDArray[Any]:
        """As in `examples.Images`."""
        return self._pairs[sample][0]

    def adversarial(self, sample: int, attack: str) -> NDArray[Any]:
        """As in `examples.Images`; only the attack that found the nearest has one."""
        del attack
        return self._pairs[sample][1]
