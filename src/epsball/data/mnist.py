"""`mnist`, from its public home in a format that holds numbers only: nothing is unpickled."""

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from epsball.data.fetch import Remote, fetch
from epsball.data.source import SOURCES, Named, Source, checked_labels

_HOME = "https://ossci-datasets.s3.amazonaws.com/mnist/"
MNIST = {
    "train": (
        Remote(
            _HOME + "train-images-idx3-ubyte.gz",
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            9_912_422,
        ),
        Remote(
            _HOME + "train-labels-idx1-ubyte.gz",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            28_881,
        ),
    ),
    "test": (
        Remote(
            _HOME + "t10k-images-idx3-ubyte.gz",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            1_648_877,
        ),
        Remote(
            _HOME + "t10k-labels-idx1-ubyte.gz",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            4_542,
        ),
    ),
}


def read_mnist(split: str) -> Source:
    """MNIST: 60,000 images of 28 × 28 to train on and 10,000 to test, in the order of its authors (not by class).

    Raises:
        InputError: it is neither in the cache nor within reach.
    """
    images, labels = (fetch("mnist", remote) for remote in MNIST[split])
    pixels = read_idx(images)[:, None]
    return Source(checked_labels(read_idx(labels), "mnist", 10), lambda rows: pixels[rows])


def read_idx(path: Path) -> NDArray[np.uint8]:
    """A gzipped IDX file of bytes: two zeros, the type 8, the number of axes, their sizes as big-endian int32, the bytes."""
    content = gzip.decompress(path.read_bytes())
    axes = content[3]
    sizes = np.frombuffer(content, dtype=">i4", count=axes, offset=4)
    return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * axes).reshape(sizes)


SOURCES.add("mnist", Named("MNIST, 28x28 grey: 60,000 train, 10,000 test", 10, read_mnist))
