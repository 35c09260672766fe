"""Images and labels: one file a source, `load_data` the way in."""

from epsball.data import (  # noqa: F401 (each file registers its source)
    cifar10,
    digits,
    imagenet_sample,
    mnist,
    mnist_5k,
)
from epsball.data.source import SOURCES, Named, Source

__all__ = ["SOURCES", "Named", "Source"]
