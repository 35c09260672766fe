"""A source of data as a data set of PyTorch: images are read when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from epsball.data.labelled import Labelled
from epsball.errors import InputError

if TYPE_CHECKING:
    from epsball.data.source import Images, Rows, Source

_COLOURS = 3


class Opened(Dataset[tuple[Tensor, Tensor]]):
    """Images float32 `(C, H, W)` in [0, 1] and labels of some rows of a source.

    Args:
        source: where they are read from.
        rows: of the source, in order.
    """

    def __init__(self, source: Source, rows: Rows) -> None:
        """Nothing is read yet."""
        self._source, self._rows = source, rows
        self._channels = 0
        self.labels: Tensor = torch.from_numpy(source.labels[rows])
        self.class_names: tuple[str, ...] | None = source.class_names

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
        return Labelled(unit(self._source.images(self._rows)), self.labels, self.class_names)

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
