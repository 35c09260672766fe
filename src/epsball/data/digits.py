"""`digits`: small digits that come inside a Python package."""

import numpy as np

from epsball.data.source import SOURCES, Named, Rows, Source
from epsball.errors import InputError

_DIGITS_TEST = 360


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


SOURCES.add(
    "digits", Named("1,797 digits, 8x8, inside scikit-learn: 1,437 train, 360 test", 10, read_digits, home="embedded")
)
