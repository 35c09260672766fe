"""`imagenet-sample`: photographs that everybody has to bring along."""

import os

from epsball.data.source import SOURCES, Named, Source
from epsball.errors import InputError


def read_imagenet_sample(split: str) -> Source:
    """Photographs of ILSVRC2012, whose terms allow no public copy: it is only read from a folder of one's own.

    Raises:
        InputError: always; this is what is left when `$EPSBALL_DATA` does not hold it.
    """
    raise InputError(
        f"imagenet-sample has no public home, and $EPSBALL_DATA (now {os.environ.get('EPSBALL_DATA') or 'not set'}) has no "
        f"imagenet-sample/{split}.parquet; set EPSBALL_DATA to a folder that has it"
    )


SOURCES.add(
    "imagenet-sample",
    Named(
        "photographs of the 1,000 classes of ILSVRC2012, cut to 224x224: test",
        1000,
        read_imagenet_sample,
        home="none",
        crop=224,
    ),
)
