"""What can go wrong. Every message is one sentence: what was given, what is expected, the remedy.

Exception
├── ValueError
│   └── InputError                      something the user gave cannot be used
│       ├── OtherConfigurationError     a folder or checkpoint belongs to other settings
│       ├── UnfinishedError             a run folder has no results yet
│       └── FolderLostError             a run folder went away while it was written
└── RuntimeError
    ├── ModelError                      the user's model failed
    └── UntrustworthyError              a result did not survive verification
"""

from __future__ import annotations


class InputError(ValueError):
    """Something the user gave cannot be used."""


class OtherConfigurationError(InputError):
    """A folder or checkpoint belongs to another configuration than the one asked for."""


class UnfinishedError(InputError):
    """A run folder holds no results yet."""


class FolderLostError(InputError):
    """A run folder was moved or deleted while it was written."""


class ModelError(RuntimeError):
    """The user's model failed, or returned something that is no classification."""


class LeftOutWarning(UserWarning):
    """Something in a file that is not needed was left out; the sentence says what."""


class EightBitWarning(UserWarning):
    """Pixels from 0 to 255 were brought to [0, 1]."""


class SuiteWarning(UserWarning):
    """Another suite of attacks is run than was asked for, because the model gives no gradients."""


class UntrustworthyError(RuntimeError):
    """A reported success, a bound or a record did not survive verification."""


_LONGEST = 60


def brief(value: object) -> str:
    """Return a value as a sentence shows it: an array by its shape and range, a long text by its beginning."""
    shape = getattr(value, "shape", None)
    if shape is not None and tuple(shape) != ():
        ends = "" if 0 in shape else f" from {_end(value, 'min')} to {_end(value, 'max')}"
        return f"an array of shape {tuple(shape)}{ends}"
    if isinstance(value, int | float):
        try:
            return f"{value:g}"
        except OverflowError:
            return f"a whole number of {value.bit_length():,} bits" if isinstance(value, int) else repr(value)
    text = repr(value.item()) if shape is not None and hasattr(value, "item") else repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _end(value: object, name: str) -> str:
    try:
        return f"{float(getattr(value, name)()):g}"
    except (TypeError, ValueError, RuntimeError):  # of complex numbers, or texts
        return "?"
