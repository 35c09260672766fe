"""`robustbench:NAME`: a network of RobustBench's model zoo; the package fetches its weights into ./models, as it always does."""

from __future__ import annotations

import textwrap
import warnings
from typing import TYPE_CHECKING, Any

import torch

from epsball.errors import InputError
from epsball.models.adapters.base import SCHEMES, Options, imported, refuse_weights
from epsball.models.wrap import wrap
from epsball.suggestions import did_you_mean

if TYPE_CHECKING:
    from epsball.models.model import Model

_DATASETS = ("cifar10", "cifar100", "imagenet")
_THREATS = ("Linf", "L2", "corruptions", "corruptions_3d")


@SCHEMES.register("robustbench")
def read(rest: str, options: Options) -> Model:
    """Return the network on data units, in evaluation mode; the global random state is left as it was.

    Args:
        rest: NAME, or DATASET/THREAT/NAME, either left out for cifar10 and Linf: `imagenet/Salman2020Do_R18`.
        options: weights have no place in it.

    Raises:
        InputError: the package is missing, an unknown name, or weights that cannot be fetched or read.
    """
    spec = f"robustbench:{rest}"
    refuse_weights(spec, options)
    *parts, name = rest.split("/")
    known = {each.lower(): each for each in (*_DATASETS, *_THREATS)}
    unknown = [part for part in parts if part.lower() not in known]
    if unknown or not name:
        raise InputError(
            f"{spec} names {unknown[0] if unknown else 'no network'}; expected NAME or DATASET/THREAT/NAME, "
            f"of {', '.join(known.values())}"
        )
    given = [known[part.lower()] for part in parts]
    dataset = next((each for each in given if each in _DATASETS), _DATASETS[0])
    threat = next((each for each in given if each in _THREATS), _THREATS[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that timm has moved since
        imported("timm", spec, "robustbench")
        zoo: Any = imported("robustbench.model_zoo.models", spec, "robustbench")
        utils: Any = imported("robustbench.utils", spec, "robustbench")
    table = next(value for key, value in zoo.model_dicts.items() if key.value == dataset)
    names = list(next((value for key, value in table.items() if key.value == threat.removesuffix("_3d")), ()))
    if name not in names:
        raise InputError(
            f"{spec} is none of {dataset} and {threat}; {did_you_mean(name, names)}"
            f"expected one such as {', '.join(names[:3]) or 'none there'}"
        )
    try:
        with torch.random.fork_rng(devices=[]):
            net = utils.load_model(name, dataset=dataset, threat_model=threat)
    except Exception as error:  # a failed download, a damaged file, another version of timm
        said = textwrap.shorten(str(error), 200)
        raise InputError(
            f"{spec} cannot be loaded ({said or type(error).__name__}); expected its weights in "
            f"models/{dataset}/{threat.removesuffix('_3d')}/{name}.pt, or a network to fetch them"
        ) from error
    return wrap(net.eval())
