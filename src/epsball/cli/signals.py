"""Being told to stop: by a scheduler's SIGTERM as by Ctrl-C."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from types import FrameType


def stop_when_told() -> None:
    """Take SIGTERM for an interrupt, so that the command says what remains and exits with 130; a second one ends it at once."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    signal.signal(number, signal.SIG_DFL)
    raise KeyboardInterrupt
