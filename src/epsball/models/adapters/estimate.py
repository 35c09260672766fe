"""`eot:10:MODEL`, `nes:50:MODEL`, `spsa:50:MODEL`, `bpda:LAYER:MODEL`: a model behind an estimator of `epsball.models.estimators`."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from epsball.errors import InputError
from epsball.models.estimators import bpda, eot, nes, spsa

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.models.model import Model

_COUNTED = {"eot": eot, "nes": nes, "spsa": spsa}
_FORM = re.compile(rf"({'|'.join(_COUNTED)}|bpda):([^:]*)", re.ASCII)


def split_estimate(spec: str) -> tuple[str, str]:
    """Return the estimator of a model's name, "" for none, and the name of what it estimates."""
    form = _FORM.match(spec)
    if form is None or spec[form.end() : form.end() + 1] != ":":
        return "", spec
    return form[0], spec[form.end() + 1 :]


def estimator(text: str) -> Callable[[Model], Model]:
    """Return what puts a model behind the estimator that is named.

    Args:
        text: eot:DRAWS, nes:DRAWS, spsa:DRAWS, or bpda:LAYER, whose backward pass becomes that of the identity.

    Raises:
        InputError: another text.
    """
    form = _FORM.fullmatch(text)
    kind, setting = (form[1], form[2]) if form else ("", "")
    if kind == "bpda" and setting:
        return partial(bpda, layer=setting)
    if kind in _COUNTED and re.fullmatch("[0-9]{1,6}", setting) and int(setting):
        return partial(_COUNTED[kind], draws=int(setting))
    raise InputError(
        f"the estimator was given as {text!r}; expected eot:10, nes:50 or spsa:50, with a number of draws, or bpda:LAYER"
    )
