"""`cifar10`, from its public home in a format that holds numbers only: nothing is unpickled."""

import tarfile
from pathlib import Path

import numpy as np

from epsball.data.fetch import Remote, fetch
from epsball.data.source import SOURCES, Named, Source, checked_labels

CIFAR10 = Remote(
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    170_052_171,
)


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


SOURCES.add("cifar10", Named("CIFAR-10, 32x32 colour: 50,000 train, 10,000 test", 10, read_cifar10))
