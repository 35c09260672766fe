"""What can go wrong, in three words; every message says what was given, what is expected and the remedy."""


class InputError(ValueError):
    """Something the user gave cannot be used."""


class OtherConfigurationError(InputError):
    """A folder or checkpoint belongs to another configuration than the one asked for."""


class FolderLostError(InputError):
    """A run folder was moved or deleted while it was written."""


class ModelError(RuntimeError):
    """The user's model failed, or answered something that is no classification."""


class UntrustworthyError(RuntimeError):
    """A reported result was not the same when it was checked again."""
