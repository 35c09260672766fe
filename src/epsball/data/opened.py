"""A source of data as a data set of PyTorch: images are read when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from epsball.data.cut import Cut, chosen_cut
from epsball.data.labelled import Labelled
from epsball.data.pictures import cut_alike, sides
from epsball.errors import InputError

if TYPE_CHECKING:
    from epsball.data.origin import Origin
    from epsball.data.source import Images, Rows, Source

_COLOURS = 3
_HEADERS = 256
"""Pictures whose sizes are looked at together, as their files are read whole."""


class Opened(Dataset[tuple[Tensor, Tensor]]):
    """Images float32 `(C, H, W)` in [0, 1] and labels of some rows of a source.

    Args:
        source: where they are read from.
        rows: of the source, in order.
        origin: what they are called in a record.
    """

    def __init__(self, source: Source, rows: Rows, origin: Origin) -> None:
        """Nothing is read yet."""
        self.origin: Origin = origin
        self._source, self._rows = source, rows
        self._channels = 0
        self.labels: Tensor = torch.from_numpy(source.labels[rows])
        self.class_names: tuple[str, ...] | None = source.class_names
        self.whole: bool = source.whole
        self.cut: Cut | None = source.cut
        self.mean: Tensor | None = source.mean
        self.std: Tensor | None = source.std

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, at: int) -> tuple[Tensor, Tensor]:
        return self.__getitems__([at])[0]

    def __getitems__(self, places: list[int]) -> list[tuple[Tensor, Tensor]]:
        """The images and labels at these places, which PyTorch's loaders ask for together."""
        self._channels = self._channels or self._source.images(self._rows[:1]).shape[1]
        images = unit(self._in_colour(self._source.images(self._rows[np.asarray(places, np.intp)])))
        return list(zip(images, self.labels[torch.tensor(places)], strict=True))

    def held(self) -> Labelled:
        """All images and labels, in memory."""
        return Labelled(unit(self._source.images(self._rows)), self.labels, self.class_names, self.cut, self.origin)

    def fitting(self, size: tuple[int, int] | None) -> Opened:
        """The same set with its pictures cut for a network that was made for height and width `size`, where nobody chose a cut.

        That is done where they have several sizes, or one that is larger; pictures of one small size are not made larger unasked.
        """
        encoded = self._source.encoded
        if size is None or size[0] != size[1] or encoded is None or self.cut is not None:
            return self
        found = set[tuple[int, int]]()
        for start in range(0, len(self._rows), _HEADERS):
            found |= sides(encoded.read(self._rows[start : start + _HEADERS]))
            if len(found) > 1:
                break
        cut = chosen_cut(None, size[0])
        if cut is None or found == {size} or (len(found) == 1 and min(min(found)) < size[0]):
            return self
        return Opened(cut_alike(self._source, cut, "the data"), self._rows, self.origin)

    def _in_colour(self, images: Images) -> Images:
        """Pictures that are all grey have as many channels as the first of the set, of which they are a part."""
        if images.shape[1] == self._channels:
            return images
        if self._channels == _COLOURS:
            return images.repeat(_COLOURS, 1)
        raise InputError(
            "the first picture is grey and another one has colours, and there are too many to be held in memory; "
            "convert all to colour, or put one in colour first"
        )


def unit(images: Images) -> Tensor:
    """The images in [0, 1]: 8-bit pixels are divided by 255."""
    pixels = torch.from_numpy(images)
    return (pixels.float().div_(255) if pixels.dtype == torch.uint8 else pixels).contiguous()
