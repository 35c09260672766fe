"""Text from elsewhere for a terminal: names in files may hold sequences that move its cursor, recolour or retitle it."""

from __future__ import annotations

import os
import shlex
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_KEPT = "\n\t"
_NAMED = {"\n": "\\n", "\t": "\\t"}
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


def command(verb: str, *names: str | Path, **options: str | None) -> str:
    r"""Return a line of `epsball` that can be pasted into a shell: every word is read as it is given, whatever it is made of.

    A name that begins with a dash gets `./` in front. Line breaks and other instructions to the terminal are written as bash,
    zsh and ksh read them.

    Args:
        verb: the command.
        names: of models, files and folders, in their order.
        options: by name, without dashes; "" for one without a value, None for one to leave out.

    Example:
        >>> print(command("verify", "-runs/a b", trust_source=""))
        epsball verify './-runs/a b' --trust-source
        >>> print(command("report", "two" + chr(10) + "lines"))
        epsball report $'two\\nlines'
    """
    words = ["epsball", verb, *(_operand(str(name)) for name in names)]
    for name, value in options.items():
        words += [] if value is None else [f"--{name.replace('_', '-')}", *filter(None, [value])]
    return " ".join(map(quoted, words))


def quoted(word: str) -> str:
    """Return a word as a shell reads it, on one line and without instructions to the terminal."""
    if printable(word) == word and not set(word) & set(_KEPT):
        return shlex.quote(word)
    return "$'" + "".join(_escaped(each) for each in word) + "'"


def _operand(name: str) -> str:
    return f"./{name}" if name.startswith("-") else name


def _escaped(each: str) -> str:
    if each in "\\'":
        return f"\\{each}"
    if printable(each) == each and each not in _KEPT:
        return each
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(each)) if each not in _NAMED else _NAMED[each]
