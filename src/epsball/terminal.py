"""Text from elsewhere for a terminal: names in files may hold sequences that move its cursor, recolour or retitle it."""

from __future__ import annotations

import unicodedata

_KEPT = "\n\t"
_DANGEROUS = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Categories of Unicode: control, format (such as what turns the direction of writing), half of a pair, line, paragraph."""


def printable(text: str) -> str:
    r"""Return the text with every character that is an instruction written out, such as an escape as `\x1b`; lines and tabs stay.

    Example:
        >>> printable("a" + chr(27) + "b")
        'a\\x1bb'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        each.encode("unicode_escape").decode("ascii")
        if unicodedata.category(each) in _DANGEROUS and each not in _KEPT
        else each
        for each in text
    )
