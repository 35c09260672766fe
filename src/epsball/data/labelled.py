"""Images and labels with the names of the classes: what `load_data` gives."""

from torch import Tensor

from epsball.data.cut import Cut
from epsball.data.origin import UNKNOWN, Origin


class Labelled(tuple[Tensor, Tensor]):  # noqa: SLOT001 (a tuple of a size that varies can have no slots of its own)
    """The pair (x, y) of images `(N, C, H, W)` and labels `(N,)`, to be unpacked as any pair.

    `class_names` are those of the classes in the order of the labels, None where the data do not name them; `cut` is what was done to
    pictures to bring them to one size, None where nothing was; `origin` says where the samples come from.
    """

    class_names: tuple[str, ...] | None
    cut: Cut | None
    origin: Origin

    def __new__(  # noqa: PYI034 (Self came with Python 3.11)
        cls,
        x: Tensor,
        y: Tensor,
        class_names: tuple[str, ...] | None = None,
        cut: Cut | None = None,
        origin: Origin = UNKNOWN,
    ) -> "Labelled":
        """Make the pair."""
        pair = super().__new__(cls, (x, y))
        pair.class_names, pair.cut, pair.origin = class_names, cut, origin
        return pair

    def __getnewargs__(self) -> tuple[object, ...]:
        return (*self, self.class_names, self.cut, self.origin)
