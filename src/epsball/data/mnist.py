"""MNIST and CIFAR-10 from their public homes, in formats that hold numbers only: nothing is unpickled."""

import gzip
import os
import tarfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from epsball.data.fetch import Remote, fetch
from epsball.data.source import Source, checked_labels
from epsball.errors import InputError

_MNIST_HOME = "https://ossci-datasets.s3.amazonaws.com/mnist/"
MNIST = {
    "train": (
        Remote(
            _MNIST_HOME + "train-images-idx3-ubyte.gz",
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            9_912_422,
        ),
        Remote(
            _MNIST_HOME + "train-labels-idx1-ubyte.gz",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            28_881,
        ),
    ),
    "test": (
        Remote(
            _MNIST_HOME + "t10k-images-idx3-ubyte.gz",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            1_648_877,
        ),
        Remote(
            _MNIST_HOME + "t10k-labels-idx1-ubyte.gz",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            4_542,
        ),
    ),
}
CIFAR10 = Remote(
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    170_052_171,
)


def read_mnist(split: str) -> Source:
    """MNIST: 60,000 images of 28 × 28 to train on and 10,000 to test, in the order of its authors (not by class).

    Raises:
        InputError: it is neither in the cache nor within reach.
    """
    images, labels = (fetch("mnist", remote) for remote in MNIST[split])
    pixels = read_idx(images)[:, None]
    return Source(checked_labels(read_idx(labels), "mnist", 10), lambda rows: pixels[rows])


def read_cifar10(split: str) -> Source:
    """CIFAR-10: 50,000 images of 3 × 32 × 32 to train on and 10,000 to test, in the order of its authors (not by class).

    Raises:
        InputError: it is neither in the cache nor within reach.
    """
    batches = ["test_batch"] if split == "test" else [f"data_batch_{number}" for number in range(1, 6)]
    content = {}
    with tarfile.open(fetch("cifar10", CIFAR10), "r:gz") as archive:
        for member in archive:
            stream = archive.extractfile(member) if Path(member.name).suffix == ".bin" else None
            if stream is not None:
                content[Path(member.name).stem] = np.frombuffer(stream.read(), dtype=np.uint8).reshape(-1, 3073)
    records = np.concatenate([content[batch] for batch in batches])
    pixels = records[:, 1:].reshape(-1, 3, 32, 32)
    return Source(checked_labels(records[:, 0], "cifar10", 10), lambda rows: pixels[rows])


def read_imagenet_sample(split: str) -> Source:
    """Photographs of ILSVRC2012, whose terms allow no public copy: it is only read from a folder of one's own.

    Raises:
        InputError: always; this is what is left when `$EPSBALL_DATA` does not hold it.
    """
    raise InputError(
        f"imagenet-sample has no public home, and $EPSBALL_DATA (now {os.environ.get('EPSBALL_DATA') or 'not set'}) has no "
        f"imagenet-sample/{split}.parquet; set EPSBALL_DATA to a folder that has it"
    )


def read_idx(path: Path) -> NDArray[np.uint8]:
    """A gzipped IDX file of bytes: two zeros, the type 8, the number of axes, their sizes as big-endian int32, the bytes."""
    content = gzip.decompress(path.read_bytes())
    axes = content[3]
    sizes = np.frombuffer(content, dtype=">i4", count=axes, offset=4)
    return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * axes).reshape(sizes)
