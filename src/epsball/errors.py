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


class UntrustworthyError(RuntimeError):
    """A reported success, a bound or a record did not survive verification."""
