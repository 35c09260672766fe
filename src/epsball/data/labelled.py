"""Images and labels with the names of the classes: what `load_data` gives."""

from torch import Tensor


class Labelled(tuple[Tensor, Tensor]):  # noqa: SLOT001 (a tuple of a size that varies can have no slots of its own)
    """The pair (x, y) of images `(N, C, H, W)` and labels `(N,)`, to be unpacked as any pair.

    `class_names` are those of the classes in the order of the labels; None where the data do not name them.
    """

    class_names: tuple[str, ...] | None

    def __new__(cls, x: Tensor, y: Tensor, class_names: tuple[str, ...] | None = None) -> "Labelled":  # noqa: PYI034 (Self came with Python 3.11)
        """Make the pair."""
        pair = super().__new__(cls, (x, y))
        pair.class_names = class_names
        return pair

    def __getnewargs__(self) -> tuple[object, ...]:
        return (*self, self.class_names)
